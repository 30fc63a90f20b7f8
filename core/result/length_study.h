// How much the length of the calibration sequences matters to a model (SLAC: Lee et al. 2023, sections 3.3 and 5.3):
// the same tokens cut to several lengths, what GPTQ's updates and the activations are at each, and which length to
// take.
//
//     const LengthAdvice advice = advise_length(study, 128);       // prompts of about 128 tokens are to be served
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/base/provenance.h"
#include "core/result/evaluation.h"

namespace graticule {

/// One input site when the calibration sequences have one length.
struct LengthEffect {
    /// max_j |(H_F^-1)_jq| / (H_F^-1)_qq over the columns F not yet rounded: the largest and the mean over columns q.
    /// Absent: the damped Hessian was not positive definite.
    std::optional<double> update_ratio, mean_update_ratio;
    double absmax = 0;
};

struct SiteLengths {
    SiteId site{};
    std::string name;                ///< InputSite::name
    std::vector<std::string> layers; ///< the linears that read it: they share the Hessian, so also the ratio
    std::vector<LengthEffect> at;    ///< index = LengthStudy::lengths
};

struct LengthStudy {
    std::vector<std::int64_t> lengths; ///< of calibration, ascending
    std::int64_t tokens = 0;           ///< the same at every length
    double damping = 0;                ///< of the Hessian, as GPTQ's `damp`
    std::vector<SiteLengths> sites;

    /// Perplexities, when they were measured: calibration length x evaluation length.
    std::string recipe_line;
    std::vector<std::int64_t> evaluated;                                    ///< ascending; empty: not measured
    std::vector<std::shared_ptr<const Evaluation>> full_precision;          ///< index = evaluated
    std::vector<std::vector<std::shared_ptr<const Evaluation>>> perplexity; ///< [calibration][evaluation]
    Provenance provenance;
    double seconds = 0;
};

/// Below this median change between two lengths the inputs are said not to depend on the length.
inline constexpr double length_insensitive = 0.10;

struct LengthAdvice {
    /// What the advice rests on, strongest first.
    enum class Basis : std::uint8_t {
        measured,    ///< another length's perplexity is significantly better than that of the target's own length
        insensitive, ///< neither ratio nor range moves by length_insensitive, so more context costs nothing
        paper,       ///< the paper's rule alone: calibrate at the length of use
    };
    std::int64_t target = 0;
    std::int64_t length = 0; ///< advised
    std::int64_t own = 0;    ///< the length tried that is nearest to the target: what the paper would take
    Basis basis = Basis::paper;
    double ratio_change = 0;                  ///< median over sites of |ratio(own) / ratio(longest) - 1|
    double range_change = 0;                  ///< the same of the absolute maximum
    std::string most_changed;                 ///< the site whose ratio moves most, which a median hides ...
    double most_change = 0;                   ///< ... and by how much
    std::optional<std::int64_t> evaluated_at; ///< column of the matrix that was looked at; absent: none measured
    std::optional<PairedDifference> measured; ///< perplexity of `length` against `own` there, where they differ
    std::string reason;                       ///< a sentence or two with the numbers
};
[[nodiscard]] std::string_view to_text(LengthAdvice::Basis basis);

/// The rule: the length nearest to the target, as the paper says; unless a measured perplexity of another length is
/// significantly lower (paired over windows, 95 %), which then is advised; unless, with nothing measured, the inputs do
/// not depend on the length, when the longest is. Throws Error{usage} for a target below 2.
[[nodiscard]] LengthAdvice advise_length(const LengthStudy& study, std::int64_t target);

} // namespace graticule
