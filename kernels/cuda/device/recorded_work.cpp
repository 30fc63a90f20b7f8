#include "kernels/cuda/device/recorded_work.h"

#include <vector>

#include "kernels/cuda/device/check.h"

namespace graticule::cuda {
namespace {

class CudaGraphWork final : public RecordedWork {
public:
    explicit CudaGraphWork(cudaStream_t stream)
        : stream_(stream) {
        // Relaxed: LibTorch may take memory from the driver meanwhile.
        GRATICULE_CUDA_CHECK(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed));
        recording_ = true;
    }
    ~CudaGraphWork() override {
        if (recording_) (void)end();
        if (graph_ != nullptr) cudaStreamSynchronize(stream_); // nothing that was started is still under way
        if (ready_ != nullptr) cudaGraphExecDestroy(ready_);
        if (graph_ != nullptr) cudaGraphDestroy(graph_);
        for (const cudaEvent_t event : marks_) cudaEventDestroy(event);
        cudaGetLastError(); // of a recording given up
    }
    CudaGraphWork(const CudaGraphWork&) = delete;
    CudaGraphWork& operator=(const CudaGraphWork&) = delete;

    std::size_t mark() override {
        cudaEvent_t event = nullptr;
        GRATICULE_CUDA_CHECK(cudaEventCreate(&event));
        marks_.push_back(event);
        // External: a node of the graph. Else it would only order the recording.
        GRATICULE_CUDA_CHECK(cudaEventRecordWithFlags(event, stream_, cudaEventRecordExternal));
        return marks_.size() - 1;
    }
    void finish() override {
        GRATICULE_CUDA_CHECK(end());
        GRATICULE_CUDA_CHECK(cudaGraphInstantiate(&ready_, graph_, 0));
        GRATICULE_CUDA_CHECK(cudaGraphUpload(ready_, stream_));
    }
    void start() override { GRATICULE_CUDA_CHECK(cudaGraphLaunch(ready_, stream_)); }
    [[nodiscard]] double seconds_between(std::size_t first, std::size_t last) const override {
        GRATICULE_CUDA_CHECK(cudaStreamSynchronize(stream_));
        float milliseconds = 0;
        GRATICULE_CUDA_CHECK(cudaEventElapsedTime(&milliseconds, marks_.at(first), marks_.at(last)));
        return static_cast<double>(milliseconds) * 1e-3;
    }

private:
    cudaError_t end() {
        recording_ = false;
        return cudaStreamEndCapture(stream_, &graph_);
    }

    cudaStream_t stream_;
    bool recording_ = false;
    cudaGraph_t graph_ = nullptr;
    cudaGraphExec_t ready_ = nullptr;
    std::vector<cudaEvent_t> marks_;
};

} // namespace

std::unique_ptr<RecordedWork> record_work(cudaStream_t stream) { return std::make_unique<CudaGraphWork>(stream); }

} // namespace graticule::cuda
