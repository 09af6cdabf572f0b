# `cmake --install`, of the components `library` (find_package(margay): margay::margay) and `program`.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/margay)

install(TARGETS margay margay_core margay_chart margay_collective margay_fetch margay_http margay_loss margay_data margay_model margay_metric margay_predict
                margay_interpret margay_bundle margay_export margay_train margay_serve margay_run
        EXPORT margayTargets ARCHIVE COMPONENT library)
install(EXPORT margayTargets NAMESPACE margay:: DESTINATION ${package_dir} COMPONENT library)
install(DIRECTORY margay DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library FILES_MATCHING PATTERN "*.h")

configure_package_config_file(cmake/margayConfig.cmake.in ${PROJECT_BINARY_DIR}/margayConfig.cmake
                              INSTALL_DESTINATION ${package_dir} PATH_VARS CMAKE_INSTALL_LIBEXECDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/margayConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/margayConfig.cmake ${PROJECT_BINARY_DIR}/margayConfigVersion.cmake
              cmake/MargayDependencies.cmake
        DESTINATION ${package_dir} COMPONENT library)

install(TARGETS margay_launcher DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
install(TARGETS margay_program margay_studio_launcher DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/margay COMPONENT program)
if(MARGAY_UNUSED_LIBRARIES)
  install(DIRECTORY ${margay_unused}/ DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/margay/unused COMPONENT program)
endif()
foreach(component library program)  # both read images
  install(TARGETS margay_decode_heif DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/margay COMPONENT ${component})
endforeach()
get_property(margay_runners GLOBAL PROPERTY margay_runners)
if(margay_runners)  # not of `program`, whose package would need their runtimes
  install(TARGETS ${margay_runners} DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/margay COMPONENT runners)
endif()
if(NOT CMAKE_CROSSCOMPILING)  # the program itself writes its completions and manual pages
  install(CODE "set(margay_program [[$<TARGET_FILE:margay_program>]])
set(margay_staging [[${PROJECT_BINARY_DIR}/shell-files]])" COMPONENT program)
  install(SCRIPT cmake/install_shell_files.cmake COMPONENT program)
endif()
