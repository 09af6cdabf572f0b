#include "margay/data/edits/decision.h"

#include <filesystem>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "margay/core/error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

const std::string kSomeSum(64, 'a');

Decision full_decision() {
  return {.kind = DecisionKind::kRelabel,
          .image = "train/cat/1.jpg",
          .content = {.sha256 = kSomeSum, .bytes = 12, .modified_ns = -5},
          .before = {"cat"},
          .after = {"dog", "w\"ol\nf"},
          .part = "train",
          .finding = "label_issue",
          .evidence = "p(dog) = .98",
          .who = "Ada",
          .number = 7,
          .time = "2026-03-01T12:00:00.123Z"};
}

std::string problem_of_line(const std::string& line) {
  return testing_support::thrown_message<std::invalid_argument>([&] { (void)decision_of_line(line); });
}

bool is_decision(const std::string& line) {
  try {
    (void)decision_of_line(line);
  } catch (const std::invalid_argument&) {
    return false;
  }
  return true;
}

/// The line of a decision to keep cat.jpg, with other fields before the kind.
std::string line_with(const std::string& fields) {
  return R"({)" + fields + R"("kind":"keep","image":"cat.jpg","sha256":")" + kSomeSum + R"(","after":["cat"]})";
}

TEST(Decision, IsTheSameAfterItsLine) {
  const Decision decision = full_decision();
  const Decision read = decision_of_line(to_line(decision));
  EXPECT_EQ(read, decision);
  EXPECT_EQ(read.content.bytes, 12U);
  EXPECT_EQ(read.content.modified_ns, -5);
  EXPECT_EQ(to_line(decision).find('\n'), std::string::npos);
}

TEST(Decision, KeepsNamesOfAnyBytes) {
  rc::check("any name survives", [](const std::vector<unsigned char>& bytes) {
    std::string name = "x";
    for (const unsigned char byte : bytes) {
      if (byte != 0 && byte != '/') name += static_cast<char>(byte);
    }
    const Decision decision{.kind = DecisionKind::kNotDuplicate, .image = name, .other = "b/" + name};
    const Decision read = decision_of_line(to_line(decision));
    RC_ASSERT(read.image == decision.image);
    RC_ASSERT(read.other == decision.other);
  });
}

TEST(Decision, ShowsBytesThatAreNotUtf8) {
  const Decision decision{.kind = DecisionKind::kSkip, .image = "caf\xE9 100%.jpg"};
  EXPECT_NE(to_line(decision).find(R"("image_escaped":"caf%E9 100%25.jpg")"), std::string::npos) << to_line(decision);
}

TEST(Decision, KeepsFieldsOfALaterVersion) {
  const Decision read = decision_of_line(line_with(R"("mood":"good","box":{"x":[1,{"y":2}]},)"));
  EXPECT_EQ(read.unknown, R"({"mood":"good","box":{"x":[1,{"y":2}]}})");
  EXPECT_EQ(decision_of_line(to_line(read)), read);
}

/// A line with blanks is JSON, but not as Margay writes it.
std::string with_blanks(std::string line) { return line.insert(1, "  "); }

TEST(Decision, IsReadAlikeFromPlainLinesAndFromAnyJson) {
  Decision plain = full_decision();
  plain.content.modified_ns = 5;
  plain.after = {"dog", "a wolf"};
  const std::string sum(16, '0');
  for (const std::string& line :
       {to_line(plain), to_line({.kind = DecisionKind::kUndo, .undoes = 3, .number = 4}),
        to_line({.kind = DecisionKind::kNotDuplicate,
        .image = "a",
        .content = {.sha256 = kSomeSum, .bytes = 1},
        .other = "b",
        .other_content = {.sha256 = kSomeSum, .bytes = 7, .modified_ns = 9}}),
        line_with(R"("before":[],"mood":"good","rows":[],"count":3,"sum":")" + sum + R"(",)")}) {
    const Decision read = decision_of_line(line);
    EXPECT_EQ(read, decision_of_line(with_blanks(line)));
    EXPECT_EQ(to_line(read), to_line(decision_of_line(with_blanks(line))));
  }
  EXPECT_EQ(decision_of_line(to_line(plain)), plain);
}

TEST(Decision, RefusesTheSameLinesWithBlanksAndWithout) {
  for (const char* const fields :
       {R"("bytes":01,)", R"("bytes":-1,)", R"("bytes":1.5,)", R"("bytes":99999999999999999999,)",
        R"("before":["x",],)", R"("before":["x",3],)", R"("before":"x","before":"y",)", R"("a":1,"a":2,)", R"(,)",
        R"("who":nul,)", R"("image_escaped":"%4",)", R"("after":)"}) {
    const std::string line = line_with(fields);
    EXPECT_NE(problem_of_line(line), "") << line;
    EXPECT_EQ(problem_of_line(line).substr(0, 13), problem_of_line(with_blanks(line)).substr(0, 13)) << line;
  }
  const std::string line = line_with("");
  for (std::size_t length = 0; length < line.size(); ++length) {
    EXPECT_NE(problem_of_line(line.substr(0, length)), "") << length;
  }
  EXPECT_NE(problem_of_line(line + "x"), "");
  EXPECT_NE(problem_of_line(line + "{}"), "");
}

TEST(Decision, NamesWhatIsWrongInALine) {
  EXPECT_EQ(problem_of_line("{"), "it is no JSON (byte 2)");
  EXPECT_EQ(problem_of_line("[]"), "it is a list; expected an object");
  EXPECT_EQ(problem_of_line("{}"), "it has no 'kind'");
  EXPECT_EQ(problem_of_line(R"({"kind":"relable"})"), "'relable' is no kind of decision; did you mean 'relabel'?");
  EXPECT_EQ(problem_of_line(line_with(R"("number":"7",)")), "'number' is a text");
  EXPECT_EQ(problem_of_line(line_with(R"("before":[3],)")), "'before' is a number");
  EXPECT_EQ(problem_of_line(line_with(R"("before":[["x"]],)")), "'before' holds a list in a list");
  EXPECT_EQ(problem_of_line(line_with(R"("who":{},)")), "'who' is an object");
  EXPECT_EQ(problem_of_line(line_with(R"("who":"a","who":"b",)")), "two values are called 'who'");
  EXPECT_EQ(problem_of_line(R"({"kind":"keep","image":"a.jpg"})"), "it has no 'after', the right labels");
  EXPECT_EQ(problem_of_line(R"({"kind":"undo"})"), "it undoes no decision; expected the number of one in 'undoes'");
  EXPECT_NE(problem_of_line(R"({"kind":"delete","image":"a.jpg"})").find("lacks the SHA-256"), std::string::npos);
}

TEST(Decision, RefusesPathsThatLeadElsewhere) {
  for (const char* const path : {"/etc/passwd", "a/../../b.jpg", "./a.jpg", "a//b.jpg", "a/", ""}) {
    EXPECT_THROW((void)to_line({.kind = DecisionKind::kSkip, .image = path}), std::invalid_argument) << path;
  }
  EXPECT_NO_THROW((void)to_line({.kind = DecisionKind::kSkip, .image = "../beside/a.jpg"}));
}

TEST(Decision, TakesExactlyThePathsWithoutDetours) {
  rc::check("as the standard library has it", [] {
    const auto path = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("a./")));
    const bool is_normal = path != "." && !path.empty() && path.front() != '/' && path.back() != '/' &&
                           std::filesystem::path(path).lexically_normal().native() == path;
    const std::string line = fmt::format(R"({{"kind":"skip","image":"{}"}})", path);
    RC_ASSERT(is_decision(line) == is_normal);
  });
}

TEST(Decision, RefusesALabelThatIsNotUtf8) {
  Decision decision = full_decision();
  decision.after = {"caf\xE9"};
  EXPECT_EQ(testing_support::thrown_message<std::invalid_argument>([&] { (void)to_line(decision); }),
            "its after 'caf\uFFFD' is not UTF-8");
}

TEST(Decision, KnowsTheContentOfAnImage) {
  const testing_support::TemporaryFolder folder;
  testing_support::write(folder / "cat/a.jpg", "abc");
  const Decision decision = decide(DecisionKind::kDelete, Root(folder.path()), folder / "cat/a.jpg", {"cat"});
  EXPECT_EQ(decision.image, "cat/a.jpg");
  EXPECT_EQ(decision.content.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-4
  EXPECT_EQ(decision.content.bytes, 3U);
  EXPECT_GT(decision.content.modified_ns, 0);
  EXPECT_THROW((void)content_of(folder / "none.jpg"), core::DataError);
}

}  // namespace
}  // namespace margay::data
