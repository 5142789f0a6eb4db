# lockstep::lockstep (headers and what a CPU needs) and the optional lockstep::cuda, lockstep::nccl, lockstep::mpi.

set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)  # a parent project that links lockstep must see TBB::tbb and the like
find_package(Threads REQUIRED)
foreach(package TBB CBLAS ZLIB)
  find_package(${package} QUIET)
  if(NOT ${package}_FOUND)
    lockstep_debian_hint(hint library)
    message(FATAL_ERROR "lockstep needs ${package}, which is not found.\n${hint}")
  endif()
endforeach()

add_library(lockstep INTERFACE)
add_library(lockstep::lockstep ALIAS lockstep)
target_compile_features(lockstep INTERFACE cxx_std_20)
target_include_directories(lockstep INTERFACE "$<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>"
                                              "$<INSTALL_INTERFACE:include>")
target_link_libraries(lockstep INTERFACE Threads::Threads TBB::tbb CBLAS::CBLAS ZLIB::ZLIB)

# The parts are defined whether or not what they need is here (an installed package may meet it on another machine);
# the name users link, lockstep::<part>, exists only where it is.
set(static_runtime "$<NOT:$<STREQUAL:$<LOWER_CASE:$<TARGET_PROPERTY:CUDA_RUNTIME_LIBRARY>>,shared>>")
add_library(lockstep_cuda INTERFACE)
target_link_libraries(lockstep_cuda INTERFACE lockstep "$<IF:${static_runtime},CUDA::cudart_static,CUDA::cudart>"
                                              CUDA::cublas)
# Warnings that nvcc's front end gives for right code: 128 (loop is not reachable) and 186 (comparison of unsigned with
# zero) for loops over the axes of rank 0, 2810 (ignored [[nodiscard]] type) for a window that is assigned to.
target_compile_options(lockstep_cuda INTERFACE "$<$<COMPILE_LANGUAGE:CUDA>:--extended-lambda>"
                                               "$<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr>"
                                               "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20>"
                                               "$<$<COMPILE_LANGUAGE:CUDA>:-diag-suppress=128,186,2810>")
add_library(lockstep_nccl INTERFACE)
target_link_libraries(lockstep_nccl INTERFACE lockstep_cuda NCCL::NCCL)
add_library(lockstep_mpi INTERFACE)
target_link_libraries(lockstep_mpi INTERFACE lockstep MPI::MPI_CXX)
target_compile_definitions(lockstep_mpi INTERFACE LOCKSTEP_MPI)  # lockstep.hpp then has mesh::mpi

include("${CMAKE_CURRENT_LIST_DIR}/lockstep-parts.cmake")
foreach(part cuda nccl mpi)
  set_target_properties(lockstep_${part} PROPERTIES EXPORT_NAME ${part})
  string(TOUPPER ${part} wanted)
  set(wanted "${LOCKSTEP_${wanted}}")
  if(wanted STREQUAL "AUTO" OR wanted)
    lockstep_find_part(${part})
    if(lockstep_${part}_FOUND)
      add_library(lockstep::${part} ALIAS lockstep_${part})
    elseif(wanted STREQUAL "AUTO")
      message(STATUS "lockstep::${part} is not available: ${lockstep_${part}_REASON}")
    else()
      message(FATAL_ERROR "lockstep::${part} is not available: ${lockstep_${part}_REASON}")
    endif()
  endif()
endforeach()
