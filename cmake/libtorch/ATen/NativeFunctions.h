#pragma once

// Takes the place of LibTorch's file in the precompiled header alone, whose other files need none of its 2,000
// declarations.
