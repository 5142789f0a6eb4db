# Does what docs/getting_started.md says, as a newcomer would: installs, then builds and runs each program of the page as
# main.cpp of the page's project. cmake -D SOURCE=<lockstep> -D WORK=<folder> -P getting_started.cmake

include("${CMAKE_CURRENT_LIST_DIR}/run_command.cmake")

file(REMOVE_RECURSE "${WORK}")
run("${CMAKE_COMMAND}" -S "${SOURCE}" -B "${WORK}/lockstep-build" -D LOCKSTEP_TESTS=OFF -D LOCKSTEP_EXAMPLES=OFF)
run("${CMAKE_COMMAND}" --install "${WORK}/lockstep-build" --prefix "${WORK}/lockstep")
file(COPY "${CMAKE_CURRENT_LIST_DIR}/getting_started/CMakeLists.txt" DESTINATION "${WORK}/project")

file(READ "${SOURCE}/docs/getting_started.md" page)
set(programs 0)
string(FIND "${page}" "\n```cpp\n" start)
while(start GREATER_EQUAL 0)
  math(EXPR start "${start} + 8")
  string(SUBSTRING "${page}" ${start} -1 page)
  string(FIND "${page}" "\n```\n" end)
  string(SUBSTRING "${page}" 0 ${end} program)
  file(WRITE "${WORK}/project/main.cpp" "${program}\n")
  run("${CMAKE_COMMAND}" -S "${WORK}/project" -B "${WORK}/build" -G Ninja -D CMAKE_BUILD_TYPE=Release
      -D CMAKE_CXX_FLAGS=-march=native -D "CMAKE_PREFIX_PATH=${WORK}/lockstep")
  run("${CMAKE_COMMAND}" --build "${WORK}/build")
  run("${WORK}/build/first")
  math(EXPR programs "${programs} + 1")
  string(FIND "${page}" "\n```cpp\n" start)
endwhile()
if(NOT programs EQUAL 2)
  message(FATAL_ERROR "found ${programs} programs on the page, expected 2")
endif()
