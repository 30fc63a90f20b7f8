// The verb behind Speed: forward passes of one model under several settings, timed on the device of the job, beside
// what that device reaches at best. Every figure is measured in this run; none is modelled.
//
//     auto study = measure_speed(work, {.lengths = {128, 512}, .batches = {1, 16}}, ctx);
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/engine/workbench.h"
#include "core/result/speed_study.h"

namespace graticule {

struct SpeedSetting {
    std::string_view name;   ///< "A8W4 dual grain"
    std::string_view recipe; ///< a line of notation; empty: full precision
    std::string_view help;
};
/// What is measured in every study: full precision, A8W8, A16W4, A8W4 with DGQ's dual grain, dINT4. Rounded to
/// nearest, because how codes are chosen does not change how fast they are multiplied.
[[nodiscard]] std::span<const SpeedSetting> speed_settings();

/// A setting as a model can have it: where groups of 128 do not divide one of its widths, in groups of 64 or 32, which
/// its name and recipe then say.
struct FittedSetting {
    std::string name; ///< "A16W4 g64"
    std::optional<Recipe> recipe;
    std::string problem; ///< why there is none
};
[[nodiscard]] FittedSetting fitted(const SpeedSetting& setting, const Model& model);

struct SpeedSpec {
    std::vector<std::int64_t> lengths{};      ///< of the prefill; empty: those of default_lengths the model allows
    std::vector<std::int64_t> batches{1, 16}; ///< of the decode
    std::int64_t before = 512;                ///< tokens behind which it decodes, as far as the model has positions
    std::vector<Recipe> recipes{};            ///< further runs, in integer arithmetic where there are kernels
    static constexpr std::int64_t default_lengths[] = {128, 512, 1024, 2048};
};

using SpeedCallback = std::function<void(const SpeedStudy& so_far)>; ///< after every run
/// What cannot be measured does not stop the rest: see SpeedPoint::problem and SpeedStudy::failure. Throws Error{usage}
/// for lengths or batches below 1 or `before` below 0, Error{bad_input} for lengths beyond the model's positions and for
/// recipes of `spec` that do not fit, Error{out_of_memory} before anything is measured for passes that cannot fit the
/// device, and the first failure where nothing at all could be measured.
[[nodiscard]] std::shared_ptr<const SpeedStudy> measure_speed(Workbench& work, const SpeedSpec& spec, JobContext& ctx,
                                                              const SpeedCallback& on_run = {});

} // namespace graticule
