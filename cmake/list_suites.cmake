# Read by ctest at its start: `program`, which belongs to `layer`, becomes one test for every few of its suites. What the
# program lists is kept beside it until it is built again.
set(suites_of_a_test 16)

set(kept ${program}_suites.txt)
set(listing "")
if("${program}" IS_NEWER_THAN "${kept}")
  execute_process(COMMAND ${program} --gtest_list_tests OUTPUT_VARIABLE listing ERROR_VARIABLE problem
                  RESULT_VARIABLE status)
  if(status EQUAL 0)
    file(WRITE ${kept} "${listing}")
  else()
    message(WARNING "${program} cannot list its tests: ${problem}")
    add_test(${layer}.CannotListItsTests ${program} --gtest_list_tests)  # fails, so that it is seen
  endif()
else()
  file(READ ${kept} listing)
endif()
string(REGEX MATCHALL "(^|\n)[^ \n]+[.]" suites "${listing}")
list(TRANSFORM suites REPLACE "[\n.]" "")
list(LENGTH suites all)
math(EXPR last "${all} - 1")
if(NOT suites)
  return()
endif()
foreach(first RANGE 0 ${last} ${suites_of_a_test})
  list(SUBLIST suites ${first} ${suites_of_a_test} together)  # the rest, where fewer are left
  list(JOIN together "," name)
  list(JOIN together ".*:" filter)
  add_test(${layer}.${name} ${program} --gtest_filter=${filter}.* --gtest_brief=1)
  set_tests_properties(${layer}.${name} PROPERTIES LABELS unit TIMEOUT 240 SKIP_RETURN_CODE 77)
endforeach()
