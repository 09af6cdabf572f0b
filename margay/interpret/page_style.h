#pragma once

namespace margay::interpret {

/// The style sheet of the X-ray's page: light and dark as the reader's system is, one column on a narrow screen, no
/// font or image from elsewhere.
extern const char* const kPageStyle;

}  // namespace margay::interpret
