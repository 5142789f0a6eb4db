# Configures, builds and runs one consumer project in an empty folder, as a user of lockstep would.
# cmake -D WAY=find_package|fetch_content|add_subdirectory -D SOURCE=<lockstep> -D WORK=<folder>
#       -D BUILT=<lockstep's build folder> -P run.cmake

include("${CMAKE_CURRENT_LIST_DIR}/run_command.cmake")

file(REMOVE_RECURSE "${WORK}")
file(COPY "${CMAKE_CURRENT_LIST_DIR}/${WAY}" "${CMAKE_CURRENT_LIST_DIR}/main.cpp" DESTINATION "${WORK}")
set(options "")
if(WAY STREQUAL "find_package")
  run("${CMAKE_COMMAND}" --install "${BUILT}" --prefix "${WORK}/prefix")
  set(options -D "CMAKE_PREFIX_PATH=${WORK}/prefix")
elseif(WAY STREQUAL "fetch_content")
  set(options -D "FETCHCONTENT_SOURCE_DIR_LOCKSTEP=${SOURCE}")
else()
  file(CREATE_LINK "${SOURCE}" "${WORK}/${WAY}/lockstep" SYMBOLIC)
endif()

run("${CMAKE_COMMAND}" -S "${WORK}/${WAY}" -B "${WORK}/build" -G Ninja ${options})
run("${CMAKE_COMMAND}" --build "${WORK}/build")
run("${WORK}/build/consumer")

# A project that uses lockstep gets its headers: no tests, no examples, no benchmarks, no packages, no compiler flags.
file(GLOB_RECURSE programs LIST_DIRECTORIES false "${WORK}/build/*_tests" "${WORK}/build/*_bench")
file(STRINGS "${WORK}/build/build.ninja" edges REGEX "(tests|examples|bench)/CMakeFiles|-march|-Werror")
file(STRINGS "${WORK}/build/CMakeCache.txt" switches REGEX "^LOCKSTEP_(TESTS|EXAMPLES|BENCH|INSTALL.*|NATIVE|WERROR):.*=ON")
if(programs OR edges OR switches)
  message(FATAL_ERROR "lockstep pushes its own development on its user: ${programs} ${edges} ${switches}")
endif()
