# `cmake --install` and find_package(margay): margay::margay is the library.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/margay)

install(TARGETS margay margay_core margay_chart margay_loss margay_data margay_model margay_metric margay_predict
                margay_interpret margay_bundle margay_train margay_serve margay_run
        EXPORT margayTargets)
install(EXPORT margayTargets NAMESPACE margay:: DESTINATION ${package_dir})
install(DIRECTORY margay DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

configure_package_config_file(cmake/margayConfig.cmake.in ${PROJECT_BINARY_DIR}/margayConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/margayConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/margayConfig.cmake ${PROJECT_BINARY_DIR}/margayConfigVersion.cmake
              cmake/MargayDependencies.cmake
        DESTINATION ${package_dir})
