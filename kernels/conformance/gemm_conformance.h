// Proves the integer products of a table against the CPU's reference row: every case through both, every output type,
// the same bits, and nothing written outside the outputs; the quantization of inputs likewise. Weight-only rows, whose
// sums are floats, against float64 within the error that gemm.h states, and against themselves bit for bit. No Qt: the
// tests and the GPU's check program share it.
#pragma once

#include "kernels/api/gemm.h"
#include "kernels/conformance/conformance.h"

namespace graticule {

/// One result per row and kind of weight (operation = the row's name, format = "int4 dual64"); cases a row refuses are
/// not counted. `quick`: small shapes only, as compute-sanitizer likes them.
[[nodiscard]] std::vector<ConformanceResult> run_gemm_conformance(const GemmTable& subject,
                                                                  DeviceMemory& subject_memory,
                                                                  ConformanceDepth depth = ConformanceDepth::full,
                                                                  const std::function<void()>& after_case = {});

} // namespace graticule
