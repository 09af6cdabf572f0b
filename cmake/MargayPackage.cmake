# `cpack` in the build folder (tools/package) makes a Debian package of the program. LibTorch's library has another name in
# each release of Debian, so each gets a package of its own: margay_VERSION~deb12_amd64.deb.
find_program(DPKG_PROGRAM dpkg)
if(NOT DPKG_PROGRAM OR CMAKE_CROSSCOMPILING)
  return()
endif()
file(STRINGS /etc/os-release margay_release REGEX "^VERSION_ID=")
string(REGEX MATCH "[0-9]+" margay_release "${margay_release}")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME margay)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION}~deb${margay_release})
set(CPACK_PACKAGE_CONTACT "The authors of Margay <margay@example.org>")
if(DEFINED ENV{DEBEMAIL})  # who packages, as Debian's tools want to know it
  set(CPACK_PACKAGE_CONTACT "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
endif()
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "trains, explains and uses image classifiers")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Margay trains image classifiers on a folder or a table of images, from
scratch or from pretrained weights, says where they are wrong and why, finds
bad data and leaves one file that the same program uses. It needs no Python.")
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
if(margay_release GREATER_EQUAL 13)  # before, libheif holds its decoders itself
  set(CPACK_DEBIAN_PACKAGE_DEPENDS "libheif-plugin-libde265, libheif-plugin-dav1d | libheif-plugin-aomdec")
endif()
# Without OpenBLAS LibTorch multiplies at a fortieth of the speed; without fonts charts have no text.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libopenblas0-openmp, fonts-dejavu-core, fonts-wqy-microhei")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_CMAKE_PROJECTS ${PROJECT_BINARY_DIR} ${PROJECT_NAME} program /)  # not the library and its headers
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                                                WORLD_READ WORLD_EXECUTE)

# What Debian expects in every package: whose it is, and what changed.
string(TIMESTAMP margay_year "%Y" UTC)
string(TIMESTAMP margay_date "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${PROJECT_BINARY_DIR}/debian/copyright
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: margay

Files: *
Copyright: ${margay_year} the authors of Margay
License: Apache-2.0

Files: apps/web/dist/*
Copyright: ${margay_year} the authors of Margay
           2015 Jason Miller
License: Apache-2.0 and Expat
Comment: The script contains Preact.

License: Apache-2.0
 On Debian systems the full text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0.

License: Expat
 Permission is hereby granted, free of charge, to any person obtaining a copy
 of this software and associated documentation files (the \"Software\"), to deal
 in the Software without restriction, including without limitation the rights
 to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
 copies of the Software, and to permit persons to whom the Software is
 furnished to do so, subject to the following conditions:
 .
 The above copyright notice and this permission notice shall be included in all
 copies or substantial portions of the Software.
 .
 THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
 OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
 SOFTWARE.
")
file(WRITE ${PROJECT_BINARY_DIR}/debian/changelog
"margay (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * Version ${PROJECT_VERSION}; what is new stands in CHANGELOG.md.

 -- ${CPACK_PACKAGE_CONTACT}  ${margay_date}
")
execute_process(COMMAND gzip -9nf ${PROJECT_BINARY_DIR}/debian/changelog COMMAND_ERROR_IS_FATAL ANY)
install(FILES ${PROJECT_BINARY_DIR}/debian/copyright ${PROJECT_BINARY_DIR}/debian/changelog.gz
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/margay COMPONENT program)
include(CPack)
