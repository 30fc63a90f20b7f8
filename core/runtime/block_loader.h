// Loads the next block while the one before computes: on a card in a thread, and on a stream of its own.
//
//     BlockLoader<BlockOperations> loader(device, [&](BlockId block) { return decoder.prepare(block); });
//     loader.start(next);                 // after the block before has been asked for, before it is run
//     ... run the block before ...
//     const auto operations = loader.take();
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/runtime/decoder.h"

namespace graticule {

/// A thread that queues work on a stream of its own. On a CPU the work is done when it is asked for.
class WorkAhead {
public:
    explicit WorkAhead(const Device& device);
    ~WorkAhead();
    WorkAhead(const WorkAhead&) = delete;
    WorkAhead& operator=(const WorkAhead&) = delete;

    /// What the device has queued so far is done before this work begins on it.
    void start(std::function<void()> work);
    /// Throws what the work threw. What the caller queues from now on waits for what the work queued.
    void finish();
    void abandon(); ///< waits for it, whatever became of it

private:
    std::function<void()> work_; ///< of a CPU
    struct Card;
    std::unique_ptr<Card> card_; ///< null on a CPU
};

/// `Loaded`: what one block becomes on the device, its operations or its weights, of one decoder or of several.
template <class Loaded>
class BlockLoader {
public:
    /// What `load` reads outlives it.
    BlockLoader(const Device& device, std::function<Loaded(BlockId)> load)
        : load_(std::move(load))
        , ahead_(device) {}

    /// What the device has queued so far may still read blocks that were given up before this call.
    void start(BlockId block) {
        GRATICULE_ASSERT(!started_, "one block at a time");
        started_ = block;
        ahead_.start([this, block] { loaded_ = std::make_shared<const Loaded>(load_(block)); });
    }
    [[nodiscard]] std::optional<BlockId> started() const { return started_; }
    /// The block that was started. Nothing else may be given up between start() and take().
    [[nodiscard]] std::shared_ptr<const Loaded> take() {
        GRATICULE_ASSERT(started_, "a block was started");
        started_.reset();
        ahead_.finish();
        return std::exchange(loaded_, nullptr);
    }
    void reset() { ///< ends what was started
        started_.reset();
        ahead_.abandon();
        loaded_.reset();
    }

private:
    std::function<Loaded(BlockId)> load_;
    std::optional<BlockId> started_;
    std::shared_ptr<const Loaded> loaded_;
    WorkAhead ahead_; ///< last: it ends before what its work writes to
};

} // namespace graticule
