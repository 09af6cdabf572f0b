# cmake -DOUTPUT=page_files.cpp -DDIST=apps/web/dist -DPAGES=report;serve;studio -P embed_files.cmake: the built pages as C++. Every byte becomes an
# escape, so that nothing in them can end a literal; literals of 8,000 bytes are below every compiler's limit.
cmake_minimum_required(VERSION 3.22)

# literals(OUT FILE): the text of a file as literals that stand side by side, a comma, and their length, which compilers refuse to count.
function(literals out file)
  file(READ ${file} bytes HEX)
  string(LENGTH "${bytes}" length)
  set(text "")
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${bytes}" ${at} 16000 part)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" part "${part}")
    string(APPEND text "\n    \"${part}\"")
    math(EXPR at "${at} + 16000")
  endwhile()
  math(EXPR bytes "${length} / 2")
  set(${out} "${text},\n    ${bytes}" PARENT_SCOPE)
endfunction()

# Each page NAME has NAME.js and NAME.css and becomes NAME_files().
set(constants "")
set(functions "")
foreach(page ${PAGES})
  literals(script ${DIST}/${page}.js)
  literals(style ${DIST}/${page}.css)
  string(APPEND constants "constexpr std::string_view k_${page}_script(${script});
constexpr std::string_view k_${page}_style(${style});

")
  string(APPEND functions "PageFiles ${page}_files() { return {k_${page}_script, k_${page}_style}; }
")
endforeach()
file(WRITE ${OUTPUT} "#include \"apps/web/page_files.h\"

#pragma GCC diagnostic ignored \"-Woverlength-strings\"  // beyond what the standard demands; every compiler takes it

namespace margay::web {
namespace {

${constants}}  // namespace

${functions}
}  // namespace margay::web
")
