# The tests on CPU devices: a program per folder, and what is tested about the project as a whole.

file(GLOB files CONFIGURE_DEPENDS */*_test.cpp)
list(FILTER files EXCLUDE REGEX "/tests/cuda/")
if(NOT LOCKSTEP_LONG_TESTS)
  list(FILTER files EXCLUDE REGEX "_long_test\\.cpp$")
endif()

# What the tests of tests/interop exchange data with, where it is found.
find_package(Eigen3 QUIET)
if(NOT TARGET Eigen3::Eigen)
  message(STATUS "No test with Eigen: it is not found (Debian: libeigen3-dev)")
  list(FILTER files EXCLUDE REGEX "/eigen_test\\.cpp$")
endif()
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
      if(TARGET Eigen3::Eigen)
        target_link_libraries(interop_tests PRIVATE Eigen3::Eigen)
      endif()
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
