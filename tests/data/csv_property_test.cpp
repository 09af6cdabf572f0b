// Whatever table is written by RFC 4180's rules comes back cell by cell.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "margay/core/error.h"
#include "margay/data/source/csv.h"

namespace margay::data {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string quoted(const std::string& cell) {
  std::string text = "\"";
  for (const char c : cell) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

std::string written(const Rows& rows, const std::string& line_end) {
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) text += (i == 0 ? "" : ",") + quoted(row[i]);
    text += line_end;
  }
  return text;
}

rc::Gen<std::string> any_cell() {
  return rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab,\"\r\n ä")));
}

RC_GTEST_PROP(CsvProperty, AnyQuotedTableComesBack, ()) {
  const auto width = *rc::gen::inRange<std::size_t>(2, 5);  // one empty column would be an empty line
  const auto row = rc::gen::container<std::vector<std::string>>(width, any_cell());
  const auto rows = *rc::gen::nonEmpty(rc::gen::container<Rows>(row));
  const CsvTable table = parse_csv(written(rows, *rc::gen::elementOf(std::vector<std::string>{"\n", "\r\n"})), "t.csv");
  RC_ASSERT(table.columns == rows.front());
  RC_ASSERT(table.rows == Rows(rows.begin() + 1, rows.end()));
}

RC_GTEST_PROP(CsvProperty, AnyTextIsReadOrRefused, (const std::string& text)) {
  try {
    for (const auto& row : parse_csv(text, "t.csv").rows) RC_ASSERT(!row.empty());
  } catch (const core::FormatError&) {
    RC_SUCCEED("refused");
  }
}

}  // namespace
}  // namespace margay::data
