#include "core/runtime/predicted_damage.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/runtime/decoder.h"
#include "core/runtime/gradients.h"
#include "core/runtime/torch_error.h"
#include "core/runtime/transfers.h"

namespace graticule {

namespace {

using Window = std::span<const std::int32_t>;

/// What a linear read and wrote on the way forward.
struct Trace {
    at::Tensor input, output;
};

/// Keeps both; what comes after gets a copy of the output to write into.
class TracedOp final : public LinearOp {
public:
    TracedOp(std::shared_ptr<const LinearOp> operation, std::vector<Trace>& traces)
        : operation_(std::move(operation))
        , traces_(traces) {}

    [[nodiscard]] at::Tensor run(const SiteInput& x) const override {
        const at::Tensor output = operation_->run(x);
        output.retain_grad();
        traces_.push_back({x.values().detach(), output});
        return output.clone();
    }
    [[nodiscard]] std::int64_t device_bytes() const override { return operation_->device_bytes(); }
    [[nodiscard]] std::string_view kernel() const override { return operation_->kernel(); }

private:
    std::shared_ptr<const LinearOp> operation_;
    std::vector<Trace>& traces_;
};

/// Gradient of the sum of a window's losses in its hidden states behind the last block.
at::Tensor gradient_at_the_end(const Decoder& decoder, const at::Tensor& states, Window ids) {
    const at::Tensor hidden = states.detach().requires_grad_();
    const at::Tensor input = decoder.head_input(hidden);
    at::Tensor input_gradient = at::zeros_like(input);
    const auto targets = std::ssize(ids) - 1;
    at::Tensor next = at::empty({targets}, at::kLong);
    std::copy(ids.begin() + 1, ids.end(), next.data_ptr<std::int64_t>());
    next = send(next, decoder.device());
    for (std::int64_t first = 0; first < targets; first += decoder.logit_rows()) {
        const std::int64_t rows = std::min(decoder.logit_rows(), targets - first);
        const at::Tensor some = input.detach().narrow(0, first, rows).requires_grad_();
        at::nll_loss(at::log_softmax(decoder.head_output(some), -1), next.narrow(0, first, rows), {},
                     at::Reduction::Sum)
            .backward();
        input_gradient.narrow(0, first, rows).copy_(some.grad());
    }
    input.backward(input_gradient);
    return hidden.grad();
}

double damage_of(const Trace& trace, const PreparedLinear& candidate, const Device& device) {
    SiteInputs inputs(trace.input, device);
    const at::Tensor error = candidate.operation->run(inputs.under(candidate.input)) - trace.output.detach();
    return 0.5 * error.mul_(trace.output.grad()).square_().sum(at::kDouble).item<double>();
}

} // namespace

void predict_damage(const std::shared_ptr<const Model>& model,
                    std::span<const std::shared_ptr<const QuantizedModel>> candidates, const Device& device,
                    std::span<const Window> windows, JobContext& ctx,
                    const std::function<void(LayerId layer, std::size_t candidate, double nats)>& on_damage) {
    GRATICULE_ASSERT(!windows.empty(), "a loss to differentiate");
    translate_torch_errors("predicting damage on " + device.name(), [&] {
        const GradientScope gradients;
        const TorchScope scope(device);
        const Decoder decoder(model, stored_weights(), device);
        std::vector<std::unique_ptr<const Decoder>> quantized;
        for (const auto& candidate : candidates)
            quantized.push_back(std::make_unique<const Decoder>(decoder, quantized_weights(candidate)));

        std::vector<std::vector<at::Tensor>> entering; // hidden states by block and window
        std::vector<at::Tensor> hidden;
        for (const Window& window : windows) hidden.push_back(decoder.embed(std::span(&window, 1)));
        for (const Block& block : model->blocks()) {
            entering.push_back(hidden);
            const BlockOperations operations = decoder.prepare(block.id);
            for (at::Tensor& states : hidden) {
                states = decoder.forward(block.id, operations, states);
                ctx.advance();
            }
        }
        std::vector<at::Tensor> gradient;
        for (std::size_t i = 0; i < windows.size(); ++i)
            gradient.push_back(gradient_at_the_end(decoder, std::exchange(hidden[i], {}), windows[i]));

        const double tokens = static_cast<double>(windows.size() * (windows.front().size() - 1));
        for (auto block = model->blocks().rbegin(); block != model->blocks().rend(); ++block) {
            std::map<LayerId, std::vector<Trace>> traces;
            BlockOperations operations = decoder.prepare(block->id);
            for (auto& [layer, linear] : operations.linears)
                linear.operation = std::make_shared<TracedOp>(linear.operation, traces[layer]);
            std::vector<BlockOperations> others;
            for (const auto& side : quantized) others.push_back(side->prepare(block->id));
            std::map<LayerId, std::vector<double>> damage;
            for (std::size_t i = 0; i < windows.size(); ++i) {
                const at::Tensor input = std::exchange(entering[index_of(block->id)][i], {}).detach().requires_grad_();
                decoder.forward(block->id, operations, input).backward(gradient[i]);
                gradient[i] = input.grad();
                for (auto& [layer, seen] : traces) {
                    auto& sums = damage[layer];
                    sums.resize(candidates.size());
                    for (const Trace& trace : seen) // an expert that no token reached has none
                        for (std::size_t c = 0; c < candidates.size(); ++c)
                            sums[c] += damage_of(trace, others[c].linears.at(layer), device);
                    seen.clear();
                }
                ctx.advance();
            }
            for (const auto& [layer, sums] : damage)
                for (std::size_t c = 0; c < sums.size(); ++c) on_damage(layer, c, sums[c] / tokens);
        }
        decoder.verify_parameters();
    });
}

} // namespace graticule
