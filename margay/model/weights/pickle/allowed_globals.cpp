#include "margay/model/weights/pickle/allowed_globals.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

namespace margay::model {
namespace {

constexpr std::array<std::string_view, 4> kDicts = {"collections.OrderedDict", "collections.defaultdict",
                                                    "collections.Counter", "builtins.dict"};

constexpr std::array<std::string_view, 5> kLists = {"builtins.list", "builtins.set", "builtins.frozenset",
                                                    "builtins.tuple", "torch.Size"};

/// Storages stand in torch.cuda too, in files written before 1.11.
constexpr std::array<std::string_view, 12> kStorages = {
    "DoubleStorage", "FloatStorage", "HalfStorage", "BFloat16Storage", "LongStorage",    "IntStorage",
    "ShortStorage",  "CharStorage",  "ByteStorage", "BoolStorage",     "UntypedStorage", "storage.UntypedStorage"};

constexpr std::array<std::string_view, 8> kBuilders = {
    "_utils._rebuild_tensor",        "_utils._rebuild_tensor_v2",
    "_utils._rebuild_tensor_v3",     "_utils._rebuild_parameter",
    "_tensor._rebuild_from_type_v2", "_utils._rebuild_parameter_with_state",
    "nn.parameter.Parameter",        "Tensor"};

constexpr std::array<std::string_view, 10> kPickledDtypes = {"float64", "float32", "float16", "bfloat16", "int64",
                                                             "int32",   "int16",   "int8",    "uint8",    "bool"};

/// Classes of tensors as torch knew them before 0.4.
constexpr std::array<std::string_view, 8> kTensors = {"DoubleTensor", "FloatTensor", "HalfTensor", "LongTensor",
                                                      "IntTensor",    "ShortTensor", "CharTensor", "ByteTensor"};

/// What checkpoints of fastai, timm, torchvision's references and Lightning hold beside tensors: hyperparameters,
/// numbers of NumPy, paths.
constexpr std::array<std::string_view, 36> kInert = {"torch.device",
                                                     "torch.torch_version.TorchVersion",
                                                     "fastcore.foundation.L",
                                                     "fastcore.basics.L",
                                                     "numpy.dtype",
                                                     "numpy.ndarray",
                                                     "numpy.core.multiarray.scalar",
                                                     "numpy.core.multiarray._reconstruct",
                                                     "numpy._core.multiarray.scalar",
                                                     "numpy._core.multiarray._reconstruct",
                                                     "_codecs.encode",
                                                     "argparse.Namespace",
                                                     "types.SimpleNamespace",
                                                     "pathlib.Path",
                                                     "pathlib.PosixPath",
                                                     "pathlib.PurePosixPath",
                                                     "pathlib.WindowsPath",
                                                     "pathlib.PureWindowsPath",
                                                     "datetime.datetime",
                                                     "datetime.timedelta",
                                                     "builtins.int",
                                                     "builtins.float",
                                                     "builtins.str",
                                                     "builtins.bool",
                                                     "builtins.complex",
                                                     "builtins.slice",
                                                     "builtins.bytearray",
                                                     "builtins.bytes",
                                                     "builtins.long",
                                                     "builtins.object",
                                                     "builtins.range",
                                                     "builtins.unicode",
                                                     "builtins.xrange",
                                                     "pytorch_lightning.utilities.parsing.AttributeDict",
                                                     "lightning_fabric.utilities.data.AttributeDict",
                                                     "lightning.fabric.utilities.data.AttributeDict"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool strip(std::string_view& name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  return true;
}

bool is_of_torch(std::string_view name) {
  if (strip(name, "torch.cuda.")) return contains(kStorages, name) || contains(kTensors, name);
  return strip(name, "torch.") && (contains(kStorages, name) || contains(kTensors, name) || contains(kBuilders, name) ||
                                   contains(kPickledDtypes, name));
}

GlobalKind kind_of_builtin(std::string_view name) { return kind_of_global(fmt::format("builtins.{}", name)); }

}  // namespace

GlobalKind kind_of_global(std::string_view name) {
  std::string_view python2 = name;
  if (strip(python2, "__builtin__."))
    return kind_of_builtin(python2);  // protocol 2, torch.save's, writes so to this day
  if (contains(kDicts, name)) return GlobalKind::kDict;
  if (contains(kLists, name)) return GlobalKind::kList;
  if (contains(kInert, name)) return GlobalKind::kInert;
  return is_of_torch(name) ? GlobalKind::kTorch : GlobalKind::kRefused;
}

}  // namespace margay::model
