// Work of a card's stream that is recorded once and then started as a whole (a CUDA graph): a pass of many short kernels
// does not wait for the host to start them one by one.
//
//     auto work = backend.record(stream);   // from here on the stream takes work and does not do it
//     launch_everything(stream);
//     work->finish();
//     work->start();                        // all of it, on the same stream; as often as wanted
//
// What was recorded keeps its addresses: memory that it reads or writes must stay as long as it is started. Work that
// waits for the device, or copies from memory that the driver does not know, cannot be recorded and throws.
#pragma once

#include <cstddef>

namespace graticule {

class RecordedWork {
public:
    /// Ends a recording that was not finished: the stream works again.
    virtual ~RecordedWork() = default;
    /// While it is recorded: the moment at which what was recorded so far is done. Numbered from 0.
    [[nodiscard]] virtual std::size_t mark() = 0;
    /// Throws KernelError{device} where something could not be recorded.
    virtual void finish() = 0;
    virtual void start() = 0;
    /// Between two marks of the last start, which is waited for.
    [[nodiscard]] virtual double seconds_between(std::size_t first, std::size_t last) const = 0;
};

} // namespace graticule
