#pragma once

#include <cuda_runtime.h>

#include <memory>

#include "kernels/api/recorded_work.h"

namespace graticule::cuda {

/// Of a stream that is not the default one, which cannot be recorded.
[[nodiscard]] std::unique_ptr<RecordedWork> record_work(cudaStream_t stream);

} // namespace graticule::cuda
