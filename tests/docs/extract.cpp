// Makes one test file of the C++ in one Markdown file: extract <file.md> <name in messages> <output.cpp>.
//
// Every ```cpp block becomes a test case. A block with `int main` stands alone; of another, the definitions
// (LOCKSTEP_FUNCTION, struct, template, functions, ...) go to namespace scope and the statements into a function. What
// a comment
// `<!-- setup ... -->` right before a block holds is put in front of it. An ```output block right after a block is what
// it must print. A block that includes another library (<Eigen/Core>, <fmt/core.h>) is left out where that is not
// found.
#include <cctype>
#include <fstream>
#include <iostream>
#include <regex>
#include <string>
#include <vector>

namespace {

struct line {
  std::size_t number;
  std::string text;
};

using lines = std::vector<line>;

struct snippet {
  lines code;          // with its setup in front
  std::string output;  // what it must print
  bool has_output = false;
};

/// The text of a line without string literals, character literals and // comments, so that brackets can be counted.
std::string without_literals(std::string const& text) {
  static std::regex const literal(R"("(\\.|[^"\\])*"|'(\\.|[^'\\])'|//.*)");
  return std::regex_replace(text, literal, "");
}

/// Lines up to one that starts with `end`, which is consumed; `at` moves on.
lines until(lines const& all, std::size_t& at, std::string const& end) {
  lines found;
  for (; at < all.size() && !all[at].text.starts_with(end); ++at) found.push_back(all[at]);
  ++at;
  return found;
}

std::vector<snippet> snippets_of(lines const& all) {
  std::vector<snippet> found;
  lines setup;
  bool after_code = false;
  for (std::size_t at = 0; at < all.size();) {
    std::string const& text = all[at++].text;
    if (text.empty()) continue;
    if (text == "<!-- setup") {
      setup = until(all, at, "-->");
    } else if (text == "```cpp") {
      lines const body = until(all, at, "```");
      setup.insert(setup.end(), body.begin(), body.end());
      found.push_back({setup, "", false});
      setup.clear();
    } else if (text == "```output" && after_code) {
      for (line const& l : until(all, at, "```")) found.back().output += l.text + "\n";
      found.back().has_output = true;
    } else if (text.starts_with("```")) {
      until(all, at, "```");
    }
    after_code = text == "```cpp";
  }
  return found;
}

/// Splits code at the top level: each part ends with the statement or definition that it holds.
std::vector<lines> parts_of(lines const& code) {
  std::vector<lines> parts(1);
  int depth = 0;
  for (line const& l : code) {
    parts.back().push_back(l);
    std::string const bare = without_literals(l.text);
    for (char c : bare) depth += (c == '(' || c == '{' || c == '[') - (c == ')' || c == '}' || c == ']');
    std::size_t const last = bare.find_last_not_of(' ');
    bool const ends = last != std::string::npos && (bare[last] == ';' || bare[last] == '}');
    if (depth == 0 && (ends || bare.starts_with("#"))) parts.emplace_back();
  }
  return parts;
}

/// The first line of a part that holds code.
std::string head_of(lines const& part) {
  for (line const& l : part)
    if (!without_literals(l.text).empty()) return without_literals(l.text);
  return "";
}

bool is_definition(lines const& part) {
  static std::regex const keyword(
      R"((LOCKSTEP_FUNCTION|template|struct|class|enum|using|namespace|inline|__global__)\b.*)");
  static std::regex const function(
      R"((?!(if|for|while|switch|else|do|return|try|catch)\b)[^=;(]+\s[\w:]+\(.*\)[^;=]*\{.*)");
  std::string const head = head_of(part);
  return std::regex_match(head, keyword) || std::regex_match(head, function);
}

/// Writes a part; main becomes an ordinary function, which has to return its 0 itself.
void write(std::ostream& out, lines const& part, std::string const& file) {
  static std::regex const main_function(R"(\bint main\()");
  if (part.empty()) return;
  bool const is_main = head_of(part).starts_with("int main(");
  out << "#line " << part.front().number << " \"" << file << "\"\n";
  for (line const& l : part) {
    if (is_main && &l == &part.back()) out << "return 0;\n";
    out << std::regex_replace(l.text, main_function, "int main_function(") << '\n';
  }
}

/// The condition under which the headers of other libraries that a snippet includes are there; "" when it has none.
std::string needs_of(snippet const& s) {
  static std::regex const foreign(R"(#include (<(?!lockstep/)\w+/.*>).*)");
  std::string needs;
  std::smatch match;
  for (line const& l : s.code)
    if (std::regex_match(l.text, match, foreign))
      needs += (needs.empty() ? "" : " && ") + ("__has_include(" + match[1].str() + ")");
  return needs;
}

/// Writes what `body` writes, between #if and #endif when the snippet needs other libraries.
template <class Body>
void write_if_possible(std::ostream& out, snippet const& s, Body body) {
  std::string const needs = needs_of(s);
  if (!needs.empty()) out << "#if " << needs << '\n';
  body();
  if (!needs.empty()) out << "#endif\n";
}

void write_includes(std::ostream& out, snippet const& s) {
  write_if_possible(out, s, [&] {
    for (line const& l : s.code)
      if (l.text.starts_with("#include")) out << l.text << '\n';
  });
}

void write(std::ostream& out, snippet const& s, std::string const& file, std::size_t number) {
  std::vector<lines> definitions, statements;
  bool has_main = false, takes_arguments = false;
  for (lines const& part : parts_of(s.code)) {
    std::string const head = head_of(part);
    if (head.starts_with("#include")) continue;  // written already, above all namespaces
    has_main = has_main || head.starts_with("int main(");
    takes_arguments = takes_arguments || head.starts_with("int main(int");
    (is_definition(part) ? definitions : statements).push_back(part);
  }
  if (has_main) definitions.insert(definitions.begin(), statements.begin(), statements.end()), statements.clear();
  out << "namespace snippet_" << number << " {\n";
  for (lines const& part : definitions) write(out, part, file);
  out << "void run() {\n";
  for (lines const& part : statements) write(out, part, file);
  if (has_main && takes_arguments)
    out << "  char name[] = \"snippet\";\n  char* arguments[] = {name, nullptr};\n  CHECK(main_function(1, arguments) "
           "== 0);\n";
  else if (has_main)
    out << "  CHECK(main_function() == 0);\n";
  out << "}\n}  // namespace snippet_" << number << "\n";
  std::size_t const first = s.code.empty() ? 0 : s.code.front().number;
  out << "TEST_CASE(\"" << file << ":" << first << "\") {\n  ";
  if (s.has_output)
    out << "CHECK(printed_by(snippet_" << number << "::run) == R\"output(" << s.output << ")output\");\n}\n\n";
  else
    out << "snippet_" << number << "::run();\n}\n\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return std::cerr << "usage: extract <file.md> <name in messages> <output.cpp>\n", 2;
  std::ifstream in(argv[1]);
  if (!in) return std::cerr << argv[1] << ": cannot be read\n", 1;
  lines all;
  for (std::string text; std::getline(in, text);) all.push_back({all.size() + 1, text});
  std::vector<snippet> const snippets = snippets_of(all);

  std::ofstream out(argv[3]);
  out << "// Made from " << argv[2] << " by tests/docs/extract.cpp.\n#include \"docs/snippet.hpp\"\n";
  bool uses_nn = false;
  for (snippet const& s : snippets) {
    write_includes(out, s);
    for (line const& l : s.code) uses_nn = uses_nn || l.text.find("nn::") != std::string::npos;
  }
  if (uses_nn) out << "#include <lockstep/nn.hpp>\nnamespace nn = lockstep::nn;\n";
  out << "namespace {\n";
  for (std::size_t i = 0; i < snippets.size(); ++i)
    write_if_possible(out, snippets[i], [&] { write(out, snippets[i], argv[2], i + 1); });
  out << "}  // namespace\n";
  return out.flush() ? 0 : 1;
}
