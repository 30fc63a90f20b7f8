// Prepares the next block while the one before computes: on a card in a thread, and on a stream of its own.
//
//     loader.start(next);                 // after the block before has been asked for, before it is run
//     ... run the block before ...
//     const auto operations = loader.take();
#pragma once

#include <future>
#include <memory>
#include <optional>

#include "core/runtime/decoder.h"

namespace graticule {

class BlockLoader {
public:
    /// `decoder` outlives it.
    explicit BlockLoader(const Decoder& decoder);
    ~BlockLoader();
    BlockLoader(const BlockLoader&) = delete;
    BlockLoader& operator=(const BlockLoader&) = delete;

    /// What the device has queued so far may still read blocks that were given up before this call.
    void start(BlockId block);
    [[nodiscard]] std::optional<BlockId> started() const { return started_; }
    /// The block that was started; what the caller queues from now on waits for its copies. Nothing else may be given
    /// up between start() and take().
    [[nodiscard]] std::shared_ptr<const BlockOperations> take();
    void reset(); ///< ends what was started

private:
    [[nodiscard]] std::shared_ptr<const BlockOperations> prepare(BlockId block) const;

    const Decoder& decoder_;
    std::optional<BlockId> started_;
    struct Card;
    std::unique_ptr<Card> card_; ///< null on a CPU: blocks are prepared when they are taken
};

} // namespace graticule
