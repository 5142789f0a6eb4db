# The tests on GPUs. nvcc compiles the files of core, device, array, expression, algorithm and kernel that say near
# their top "// Runs on: cpu, cuda", and tests/cuda/*_test.cu; tests/cuda/*_test.cpp are compiled by the host compiler
# and linked to them, which is how programs with both kinds of file are tested. The examples are compiled by nvcc, too.

if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  set(CMAKE_CUDA_COMPILER "${CUDAToolkit_NVCC_EXECUTABLE}")
endif()
enable_language(CUDA)

# What runs a program that needs a GPU, where the machine has none: a command and its arguments up to the program. A
# simulator stands in for the shared CUDA runtime.
set(simulator "${PROJECT_SOURCE_DIR}/../shared/cusim/cusim")
cmake_path(NORMAL_PATH simulator)
set(runner "")
if(EXISTS "${simulator}" AND CMAKE_CUDA_RUNTIME_LIBRARY STREQUAL "Shared")
  set(runner "${simulator}" --check all --)
endif()
set(LOCKSTEP_CUDA_RUNNER "${runner}" CACHE STRING "Command prefix for the tests on GPUs, such as a simulator's")

# Gives a target the project's warnings for what nvcc compiles.
function(lockstep_cuda_warnings target)
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra>")
  if(LOCKSTEP_WERROR)
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:--Werror=all-warnings>")
  endif()
endfunction()
# And what programs need that nvcc compiles.
function(lockstep_cuda_target target)
  target_link_libraries(${target} PRIVATE lockstep::cuda $<TARGET_NAME_IF_EXISTS:lockstep::nccl>)
  lockstep_cuda_warnings(${target})
endfunction()

file(GLOB shared_files CONFIGURE_DEPENDS core/*_test.cpp device/*_test.cpp array/*_test.cpp expression/*_test.cpp
     algorithm/*_test.cpp kernel/*_test.cpp)
file(GLOB files CONFIGURE_DEPENDS cuda/*_test.cu cuda/*_test.cpp)
foreach(file IN LISTS shared_files)
  file(STRINGS "${file}" line REGEX "^// Runs on:.*cuda" LIMIT_COUNT 1)
  if(line)
    set_source_files_properties("${file}" PROPERTIES LANGUAGE CUDA)
    list(APPEND files "${file}")
  endif()
endforeach()
if(NOT TARGET lockstep::nccl)
  list(FILTER files EXCLUDE REGEX "/(nccl|trainer)_test\\.cu$")
endif()
if(NOT LOCKSTEP_LONG_TESTS)
  list(FILTER files EXCLUDE REGEX "_long_test\\.")
endif()
if(NOT files)
  message(STATUS "No test file says that it runs on cuda")
  return()
endif()

file(GLOB parts CONFIGURE_DEPENDS cuda/mixed/*.cu cuda/mixed/*.cpp)
add_executable(cuda_tests ${files} ${parts})
lockstep_test_target(cuda_tests)
lockstep_cuda_target(cuda_tests)
# GCC 12 takes the empty decomposer of CUB's radix sort of flags and short numbers for a value that somebody forgot to
# set.
set_source_files_properties(cuda/top_k_test.cu PROPERTIES COMPILE_OPTIONS -Xcompiler=-Wno-maybe-uninitialized)
foreach(file IN LISTS files)
  lockstep_add_test(cuda_tests "${file}" ${LOCKSTEP_CUDA_RUNNER})
endforeach()

# The examples as CUDA programs, in their short forms. Without OpenMP, for --compare is about CPUs.
file(GLOB examples CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/examples/*.cpp")
list(FILTER examples EXCLUDE REGEX "/fashion_mnist\\.cpp$")
set_source_files_properties(${examples} PROPERTIES LANGUAGE CUDA)
foreach(file IN LISTS examples)
  get_filename_component(name "${file}" NAME_WE)
  add_executable(cuda_${name} "${file}")
  lockstep_development_target(cuda_${name})
  lockstep_cuda_target(cuda_${name})
  target_compile_options(cuda_${name} PRIVATE -Xcompiler=-Wno-unknown-pragmas)
  add_test(NAME examples.${name} COMMAND ${LOCKSTEP_CUDA_RUNNER} $<TARGET_FILE:cuda_${name}> gpu --short
           WORKING_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}")
  set_tests_properties(examples.${name} PROPERTIES LABELS examples TIMEOUT 1800)
endforeach()

if(runner)
  include(cuda/simulated.cmake)
endif()
