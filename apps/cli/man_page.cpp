#include "apps/cli/man_page.h"

#include <algorithm>
#include <cctype>
#include <sstream>

#include <fmt/format.h>

#include "margay/core/text.h"

namespace margay::cli {
namespace {

/// Text that roff shows as it is: dashes that can be copied, and no line that begins like a request.
std::string roff(const std::string& text) {
  std::string result;
  bool at_start = true;
  for (const char c : text) {
    if (at_start && (c == '.' || c == '\'')) result += "\\&";
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
    at_start = c == '\n';
  }
  return result;
}

std::string upper_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

std::string page_title(const std::string& name, const std::string& version, const std::string& summary) {
  return fmt::format(".TH {} 1 \"\" \"margay {}\" \"User Commands\"\n.nh\n.ad l\n.SH NAME\n{} \\- {}\n",
                     roff(upper_case(name)), roff(version), roff(name), roff(summary));
}

/// Its paragraphs; where the source breaks a line and indents the next one, the lines stay.
std::string lines_kept(const std::string& text) { return ".nf\n" + roff(text) + "\n.fi\n"; }

std::string synopsis(const CommandEntry& command) {
  std::string text = fmt::format(".SH SYNOPSIS\n.B margay {}\n[\\fIOPTIONS\\fR]", roff(command.name));
  for (const FlagEntry& argument : command.arguments) {
    const std::string name = fmt::format("\\fI{}\\fR{}", roff(argument.names[0]), argument.takes_several ? "..." : "");
    text += argument.is_required ? " " + name : fmt::format(" [{}]", name);
  }
  return text + "\n";
}

std::string definition(const FlagEntry& entry) {
  std::vector<std::string> names;
  for (const std::string& name : entry.names) names.push_back(fmt::format("\\fB{}\\fR", roff(name)));
  std::string text = fmt::format(".TP\n{}", core::joined(names, ", "));
  if (entry.names[0].starts_with("-") && !entry.type_name.empty())
    text += fmt::format(" \\fI{}\\fR", roff(entry.type_name));
  text += "\n" + roff(entry.help);
  if (!entry.choices.empty()) text += fmt::format("\n.br\nOne of {}", roff(core::joined(entry.choices, ", ")));
  if (!entry.default_text.empty()) text += fmt::format("\n.br\nDefault: {}", roff(entry.default_text));
  return text + "\n";
}

std::string definitions(const std::vector<FlagEntry>& entries) {
  std::string text;
  std::string heading;
  for (const FlagEntry& entry : entries) {
    if (entry.heading != heading) text += fmt::format(".SS {}\n", roff(heading = entry.heading));
    text += definition(entry);
  }
  return text;
}

/// Flags of one heading stand together, headings in the order of their first flag.
std::vector<FlagEntry> by_heading(const std::vector<FlagEntry>& flags) {
  std::vector<FlagEntry> sorted;
  std::vector<std::string> headings;
  for (const FlagEntry& flag : flags) {
    if (std::find(headings.begin(), headings.end(), flag.heading) == headings.end()) headings.push_back(flag.heading);
  }
  for (const std::string& heading : headings) {
    std::copy_if(flags.begin(), flags.end(), std::back_inserter(sorted),
                 [&](const FlagEntry& f) { return f.heading == heading; });
  }
  return sorted;
}

constexpr const char* kExitStatus =
    ".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage, 3 bad data (the path is named), 130 interrupted, 141 the reader "
    "of the "
    "output has ended.\n";

}  // namespace

std::string man_page(const CommandTree& tree, const std::string& version) {
  std::string text = page_title("margay", version, "trains, explains and uses image classifiers");
  text += ".SH SYNOPSIS\n.B margay\n\\fICOMMAND\\fR [\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]\n.SH DESCRIPTION\n";
  text += lines_kept(tree.description) + ".SH COMMANDS\n";
  for (const CommandEntry& command : tree.commands) {
    text += fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(command.name), roff(command.description));
  }
  text += ".SH OPTIONS\n";
  for (const FlagEntry& flag : tree.flags) text += definition(flag);
  text += kExitStatus;
  std::vector<std::string> pages;
  for (const CommandEntry& command : tree.commands)
    pages.push_back(fmt::format(".BR margay\\-{} (1)", roff(command.name)));
  return text + fmt::format(".SH SEE ALSO\n{}\n", core::joined(pages, ",\n"));
}

std::string man_page(const CommandEntry& command, const std::string& version) {
  std::string text = page_title("margay-" + command.name, version, command.description) + synopsis(command);
  if (!command.arguments.empty()) text += ".SH ARGUMENTS\n";
  for (const FlagEntry& argument : command.arguments) text += definition(argument);
  text += ".SH OPTIONS\n" + definitions(by_heading(command.flags));
  if (!command.footer.empty()) text += ".SH NOTES\n" + lines_kept(command.footer);
  return text + kExitStatus + ".SH SEE ALSO\n.BR margay (1)\n";
}

}  // namespace margay::cli
