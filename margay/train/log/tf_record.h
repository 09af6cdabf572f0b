#pragma once

#include <string>
#include <string_view>

namespace margay::train {

/// One record of TensorFlow's TFRecord format: uint64 length, uint32 masked crc32c of the length, the data, uint32
/// masked crc32c of the data; numbers little-endian. Source: tensorflow/core/lib/io/record_writer.h.
std::string tf_record(std::string_view data);

}  // namespace margay::train
