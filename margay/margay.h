#pragma once

/// Everything a program that uses Margay needs, under one name: margay::DataBlock, margay::vision_learner, …
#include "margay/bundle/bundle.h"
#include "margay/chart/image_grid.h"
#include "margay/chart/line_chart.h"
#include "margay/chart/png.h"
#include "margay/chart/render.h"
#include "margay/core/error.h"
#include "margay/core/threads.h"
#include "margay/data/check/check_data.h"
#include "margay/data/check/report.h"
#include "margay/data/data_block.h"
#include "margay/data/source/balance.h"
#include "margay/data/source/csv.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/label_table.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/splits.h"
#include "margay/data/transform/augment_batch.h"
#include "margay/data/transform/mix.h"
#include "margay/data/transform/normalization.h"
#include "margay/interpret/xray_html.h"
#include "margay/interpret/xray_text.h"
#include "margay/loss/activation.h"
#include "margay/loss/binary_cross_entropy.h"
#include "margay/loss/cross_entropy.h"
#include "margay/loss/focal_loss.h"
#include "margay/loss/jensen_shannon.h"
#include "margay/loss/linear_cross_entropy.h"
#include "margay/loss/nll_loss.h"
#include "margay/loss/poly1_cross_entropy.h"
#include "margay/metric/likelihood.h"
#include "margay/metric/metric.h"
#include "margay/model/cpu.h"
#include "margay/model/model_summary.h"
#include "margay/predict/inference.h"
#include "margay/predict/predictions.h"
#include "margay/predict/test_time_augmentation.h"
#include "margay/run/run_registry.h"
#include "margay/serve/predictor.h"
#include "margay/train/callback/callback.h"
#include "margay/train/callback/swa.h"
#include "margay/train/callback/tracker.h"
#include "margay/train/callback/weight_average.h"
#include "margay/train/checkpoint/checkpoint.h"
#include "margay/train/checkpoint/checkpoint_folder.h"
#include "margay/train/distillation.h"
#include "margay/train/learner.h"
#include "margay/train/log/tensorboard_log.h"
#include "margay/train/log/text_log.h"
#include "margay/train/lr_find/lr_find.h"
#include "margay/train/precision/gradients.h"
#include "margay/train/recipe/recipe_text.h"
#include "margay/train/recipe/recipes.h"
#include "margay/train/vision_learner.h"

namespace margay {

using namespace bundle;     // NOLINT(google-build-using-namespace): the layers' vocabulary is the library's
using namespace chart;      // NOLINT(google-build-using-namespace)
using namespace core;       // NOLINT(google-build-using-namespace)
using namespace data;       // NOLINT(google-build-using-namespace)
using namespace interpret;  // NOLINT(google-build-using-namespace)
using namespace loss;       // NOLINT(google-build-using-namespace)
using namespace metric;     // NOLINT(google-build-using-namespace)
using namespace model;      // NOLINT(google-build-using-namespace)
using namespace predict;    // NOLINT(google-build-using-namespace)
using namespace serve;      // NOLINT(google-build-using-namespace)
using namespace train;      // NOLINT(google-build-using-namespace)

}  // namespace margay
