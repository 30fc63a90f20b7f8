#include "core/runtime/block_loader.h"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "core/base/error.h"

namespace graticule {

struct BlockLoader::Card {
    explicit Card(at::Device where)
        : device(where)
        , copies(c10::impl::VirtualGuardImpl(at::kCUDA).getStreamFromGlobalPool(where)) {}

    [[nodiscard]] c10::Stream computing() const { return c10::impl::VirtualGuardImpl(at::kCUDA).getStream(device); }

    at::Device device;
    c10::Stream copies;
    std::future<std::shared_ptr<const BlockOperations>> next;
};

BlockLoader::BlockLoader(const Decoder& decoder)
    : decoder_(decoder)
    , card_(decoder.device().is_cuda() ? std::make_unique<Card>(torch_device(decoder.device())) : nullptr) {}

BlockLoader::~BlockLoader() { reset(); }

std::shared_ptr<const BlockOperations> BlockLoader::prepare(BlockId block) const {
    return std::make_shared<const BlockOperations>(decoder_.prepare(block));
}

void BlockLoader::start(BlockId block) {
    GRATICULE_ASSERT(!started_, "one block at a time");
    started_ = block;
    if (!card_) return;
    c10::Event queued(at::kCUDA);
    queued.record(card_->computing());
    queued.block(card_->copies); // memory of blocks given up is taken again by these copies
    card_->next = std::async(std::launch::async, [this, block] {
        const TorchScope scope(decoder_.device());
        const c10::StreamGuard stream(card_->copies);
        return prepare(block);
    });
}

std::shared_ptr<const BlockOperations> BlockLoader::take() {
    GRATICULE_ASSERT(started_, "a block was started");
    const BlockId block = *std::exchange(started_, std::nullopt);
    if (!card_) return prepare(block);
    auto operations = card_->next.get();
    c10::Event copied(at::kCUDA);
    copied.record(card_->copies);
    copied.block(card_->computing());
    return operations;
}

void BlockLoader::reset() {
    started_.reset();
    if (card_ && card_->next.valid()) card_->next.wait();
    if (card_) card_->next = {};
}

} // namespace graticule
