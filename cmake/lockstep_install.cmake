# cmake --install: the headers and a package for find_package(lockstep CONFIG).

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_folder "${CMAKE_INSTALL_DATADIR}/cmake/lockstep")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/lockstep" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(TARGETS lockstep EXPORT lockstep-targets)
install(EXPORT lockstep-targets NAMESPACE lockstep:: DESTINATION "${package_folder}")
foreach(part cuda nccl mpi)
  install(TARGETS lockstep_${part} EXPORT lockstep-${part}-targets)
  install(EXPORT lockstep-${part}-targets NAMESPACE lockstep:: DESTINATION "${package_folder}")
endforeach()

write_basic_package_version_file("${PROJECT_BINARY_DIR}/lockstep-config-version.cmake" COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
install(FILES "${PROJECT_SOURCE_DIR}/cmake/lockstep-config.cmake" "${PROJECT_SOURCE_DIR}/cmake/lockstep-parts.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/FindCBLAS.cmake" "${PROJECT_SOURCE_DIR}/cmake/FindNCCL.cmake"
              "${PROJECT_BINARY_DIR}/lockstep-config-version.cmake" DESTINATION "${package_folder}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
