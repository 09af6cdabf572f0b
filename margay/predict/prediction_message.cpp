#include "margay/predict/prediction_message.h"

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "margay/core/error.h"

namespace margay::predict {
namespace {

class MessageWriter {
 public:
  template <class Number>
  void number(Number value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void text(std::string_view text) {
    number(static_cast<std::uint64_t>(text.size()));
    bytes_.append(text);
  }
  void tensor(const torch::Tensor& tensor) {
    number(static_cast<std::uint8_t>(tensor.defined()));
    if (!tensor.defined()) return;
    const torch::Tensor flat = tensor.contiguous();
    number(static_cast<std::int8_t>(flat.scalar_type()));
    number(static_cast<std::uint64_t>(flat.dim()));
    for (const std::int64_t size : flat.sizes()) number(size);
    text({static_cast<const char*>(flat.data_ptr()), flat.nbytes()});
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class MessageReader {
 public:
  explicit MessageReader(std::string_view bytes) : rest_(bytes) {}

  template <class Number>
  Number number() {
    Number value;
    std::memcpy(&value, take(sizeof(value)).data(), sizeof(value));
    return value;
  }
  std::string_view text() { return take(number<std::uint64_t>()); }
  torch::Tensor tensor() {
    if (number<std::uint8_t>() == 0) return {};
    const auto type = static_cast<torch::ScalarType>(number<std::int8_t>());
    const auto dimensions = number<std::uint64_t>();
    if (dimensions > 2) throw core::Error("a message of predictions has a tensor of an unknown shape");
    std::vector<std::int64_t> sizes;
    for (std::uint64_t i = 0; i < dimensions; ++i) sizes.push_back(number<std::int64_t>());
    const std::string_view bytes = text();
    torch::Tensor tensor = torch::empty(sizes, type);
    if (bytes.size() != tensor.nbytes()) throw core::Error("a message of predictions has a tensor of another size");
    if (!bytes.empty()) std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
    return tensor;
  }

 private:
  std::string_view take(std::uint64_t count) {
    if (count > rest_.size()) throw core::Error("a message of predictions ends too early");
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }

  std::string_view rest_;
};

}  // namespace

std::string prediction_message(const Predictions& predictions) {
  MessageWriter message;
  for (const torch::Tensor* each :
       {&predictions.logits, &predictions.targets, &predictions.features, &predictions.p_known}) {
    message.tensor(*each);
  }
  message.number(predictions.temperature);
  message.number(predictions.alpha);
  message.number(static_cast<std::uint64_t>(predictions.ids.size()));
  for (const std::size_t id : predictions.ids) message.number(static_cast<std::uint64_t>(id));
  message.number(static_cast<std::uint64_t>(predictions.skipped.size()));
  for (const data::SkippedImage& image : predictions.skipped) {
    message.number(static_cast<std::uint64_t>(image.id));
    message.text(image.problem);
  }
  return message.take();
}

Predictions read_prediction_message(std::string_view bytes, metric::Activation activation) {
  MessageReader message(bytes);
  Predictions predictions;
  for (torch::Tensor* each : {&predictions.logits, &predictions.targets, &predictions.features, &predictions.p_known}) {
    *each = message.tensor();
  }
  const auto temperature = message.number<double>();
  predictions.alpha = message.number<double>();
  for (auto left = message.number<std::uint64_t>(); left > 0; --left) {
    predictions.ids.push_back(message.number<std::uint64_t>());
  }
  for (auto left = message.number<std::uint64_t>(); left > 0; --left) {
    const auto id = message.number<std::uint64_t>();
    predictions.skipped.push_back({id, std::string(message.text())});
  }
  if (predictions.logits.defined()) predictions.set_logits(predictions.logits, activation, temperature);
  return predictions;
}

}  // namespace margay::predict
