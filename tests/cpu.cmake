# The tests on CPU devices: a program per folder, and what is tested about the project as a whole.

file(GLOB files CONFIGURE_DEPENDS */*_test.cpp)
list(FILTER files EXCLUDE REGEX "/tests/cuda/")
if(NOT LOCKSTEP_LONG_TESTS)
  list(FILTER files EXCLUDE REGEX "_long_test\\.cpp$")
endif()
if(LOCKSTEP_SANITIZE MATCHES "thread")
  message(STATUS "No test that forks: the thread sanitizer loses track of threads when a process does")
  list(FILTER files EXCLUDE REGEX "/process_(failure_)?(long_)?test\\.cpp$")
endif()

# What the tests of tests/interop exchange data with, where it is found.
find_package(Eigen3 QUIET)
if(NOT TARGET Eigen3::Eigen)
  message(STATUS "No test with Eigen: it is not found (Debian: libeigen3-dev)")
  list(FILTER files EXCLUDE REGEX "/eigen_test\\.cpp$")
endif()
find_package(fmt QUIET)
if(NOT TARGET fmt::fmt-header-only)
  message(STATUS "No test with fmt: it is not found (Debian: libfmt-dev)")
endif()
set(LOCKSTEP_OTHER_LIBRARIES "$<TARGET_NAME_IF_EXISTS:Eigen3::Eigen>" "$<TARGET_NAME_IF_EXISTS:fmt::fmt-header-only>")
find_package(CUDAToolkit QUIET)
find_path(LOCKSTEP_CCCL cuda/std/mdspan HINTS "${CUDAToolkit_LIBRARY_ROOT}/include/cccl" /usr/local/cuda/include/cccl)
if(NOT LOCKSTEP_CCCL)
  message(STATUS "No test with cuda::std::mdspan: CCCL is not found (it comes with the CUDA Toolkit)")
endif()

foreach(file IN LISTS files)
  get_filename_component(folder "${file}" DIRECTORY)
  get_filename_component(folder "${folder}" NAME)
  if(NOT TARGET ${folder}_tests)
    add_executable(${folder}_tests)
    lockstep_test_target(${folder}_tests)
    if(folder STREQUAL "debug")
      target_compile_definitions(debug_tests PRIVATE LOCKSTEP_DEBUG)
    endif()
    if(folder STREQUAL "interop")
      target_link_libraries(interop_tests PRIVATE ${LOCKSTEP_OTHER_LIBRARIES})
      if(LOCKSTEP_CCCL)
        target_include_directories(interop_tests SYSTEM PRIVATE "${LOCKSTEP_CCCL}" ${CUDAToolkit_INCLUDE_DIRS})
      endif()
    endif()
  endif()
  target_sources(${folder}_tests PRIVATE "${file}")
  lockstep_add_test(${folder}_tests "${file}")
endforeach()

if(LOCKSTEP_SANITIZE)
  return()
endif()

include(mesh/mpi.cmake)

# What must not compile does not, and says why: tests/*/*_must_not_compile.cpp (see support/must_not_compile.cmake).
file(GLOB files CONFIGURE_DEPENDS */*_must_not_compile.cpp)
foreach(file IN LISTS files)
  file(RELATIVE_PATH name "${CMAKE_CURRENT_SOURCE_DIR}" "${file}")
  string(REGEX REPLACE "([^/]*)/(.*)_must_not_compile.cpp" "\\1.must_not_compile_\\2" name "${name}")
  add_test(NAME ${name} COMMAND "${CMAKE_COMMAND}" -D "COMPILER=${CMAKE_CXX_COMPILER}" -D "FILE=${file}"
                                -D "INCLUDE=${PROJECT_SOURCE_DIR}/include"
                                -P "${CMAKE_CURRENT_SOURCE_DIR}/support/must_not_compile.cmake")
  set_tests_properties(${name} PROPERTIES LABELS compile TIMEOUT 600)
endforeach()

# What g++ 12 and clang++ 14 lack, std::format and std::mdspan, with a compiler and a standard library that have both.
find_program(LOCKSTEP_CLANG_19 clang++-19)
if(LOCKSTEP_CLANG_19)
  add_test(NAME interop.standard COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/interop/standard.sh" "${LOCKSTEP_CLANG_19}"
                                         "${PROJECT_SOURCE_DIR}" "${CMAKE_CURRENT_BINARY_DIR}/standard_interop_tests")
else()
  add_test(NAME interop.standard COMMAND "${CMAKE_COMMAND}" -E echo "not run: no clang++-19 is found (Debian: clang-19)")
endif()
set_tests_properties(interop.standard PROPERTIES LABELS interop TIMEOUT 600 SKIP_REGULAR_EXPRESSION "not run: ")

# Every public header compiles alone, with each compiler that is here.
find_program(LOCKSTEP_OTHER_COMPILER clang++)
set(compilers "${CMAKE_CXX_COMPILER}")
if(LOCKSTEP_OTHER_COMPILER)
  list(APPEND compilers "${LOCKSTEP_OTHER_COMPILER}")
else()
  message(STATUS "No clang++ here: the header test uses ${CMAKE_CXX_COMPILER} alone")
endif()
add_test(NAME headers COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/support/check_headers.sh" "${PROJECT_SOURCE_DIR}/include"
                              ${compilers})
set_tests_properties(headers PROPERTIES LABELS compile TIMEOUT 1800)

add_test(NAME packages COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/support/check_packages.sh" "${CMAKE_COMMAND}"
                               "${PROJECT_SOURCE_DIR}/cmake/debian_packages.cmake")
set_tests_properties(packages PROPERTIES LABELS consumer)
add_subdirectory(consumer)
add_subdirectory(docs)
add_subdirectory(numpy)
