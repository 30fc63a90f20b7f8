#include "core/runtime/settle_execution.h"

#include "core/base/error.h"
#include "core/io/checkpoint.h"

namespace graticule {

namespace {

/// The 16-bit type that the model was trained and published in. A GGUF file's float16 says nothing about that: range
/// before precision there, as for float32 files.
Compute own_type(const Model& model) {
    const auto& checkpoint = model.parts().checkpoint;
    const bool published = checkpoint && !checkpoint->container().starts_with("GGUF");
    const bool half = !model.linears().empty() && model.linears().front().weight.dtype == DType::f16;
    return published && half ? Compute::float16 : Compute::bfloat16;
}

} // namespace

Execution settle_execution(Execution asked, const std::string& device, const Model& model) {
    if (asked.compute == Compute::automatic) asked.compute = device != "cpu" ? own_type(model) : Compute::float32;
    if (asked.compute == Compute::float64 && asked.arithmetic == Arithmetic::integer)
        throw Error(ErrorKind::unsupported, "integer products give float32, bfloat16 or float16, not float64; take "
                                            "another precision, or simulated arithmetic");
    return asked;
}

} // namespace graticule
