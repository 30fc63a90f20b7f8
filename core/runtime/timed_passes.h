// Forward passes to be timed, and what the device reaches when it does nothing else. No Torch in this header.
//
//     TimedModel timed(model, quantized, device, execution, ctx);      // every block prepared, on the device
//     timed.pass({.batch = 1, .length = 512}, ctx);                    // seconds, kernels started one by one
//     timed.record({.batch = 1, .length = 512}, ctx);                  // from here on all of them as one
//     timed.watched_pass({.batch = 1, .length = 512}, ctx);            // seconds of every kind of layer
#pragma once

#include <memory>
#include <vector>

#include "core/base/job_context.h"
#include "core/result/quantized_model.h"
#include "core/result/speed_study.h"
#include "core/runtime/device.h"

namespace graticule {

/// Copies and sums of an array far beyond the caches; products of square matrices in the compute type, and of integers
/// by the rows of the device's own table (the best of INT8 and INT4 weights): the best of a few tries each.
[[nodiscard]] SpeedCeilings measure_ceilings(const Device& device, const Execution& execution, JobContext& ctx);

class TimedModel {
public:
    /// `quantized` null: the model as it is stored. `execution` is settled. Throws Error{out_of_memory} naming the
    /// bytes where the weights do not fit the device.
    TimedModel(std::shared_ptr<const Model> model, std::shared_ptr<const QuantizedModel> quantized, Device device,
               const Execution& execution, JobContext& ctx);
    ~TimedModel();

    [[nodiscard]] std::int64_t weight_bytes() const; ///< of the linears
    [[nodiscard]] std::int64_t held_bytes() const;   ///< of the linears, embedding, positions and head
    [[nodiscard]] std::vector<KernelUse> kernels() const;

    struct Shape {
        std::int64_t batch = 1, length = 1;
        std::int64_t before = 0; ///< tokens of each sequence whose keys and values are there
        friend bool operator==(const Shape&, const Shape&) = default;
    };
    /// Whether keys and values of earlier tokens may be kept (token_by_token); else `before` is 0.
    [[nodiscard]] bool keeps_tokens() const;
    /// Gives up what was recorded, scratch memory, and the keys and values that passes found; the next pass that needs
    /// some makes them.
    void forget();
    /// Seconds from token ids to the logits of every sequence's last token, on the device.
    [[nodiscard]] double pass(const Shape& shape, JobContext& ctx);
    /// Records what follows the embedding of a pass, after one of this shape that was not recorded; passes of the shape
    /// then start it as a whole. False on a CPU, and where a model waits for its device on the way, as one of experts
    /// does that asks who was chosen: its passes go on as before.
    bool record(const Shape& shape, JobContext& ctx);
    /// The same with every kind of layer timed by itself: shares add up to 1. After `record` of the shape it is a
    /// recorded pass, whose kernels do not wait for the host. What the floors are is left open (take_ceilings).
    [[nodiscard]] std::vector<SpeedShare> watched_pass(const Shape& shape, JobContext& ctx);
    /// (batch, vocabulary) of the last pass, row by row.
    [[nodiscard]] std::vector<float> logits() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace graticule
