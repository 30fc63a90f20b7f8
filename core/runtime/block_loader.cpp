#include "core/runtime/block_loader.h"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace graticule {

struct WorkAhead::Card {
    explicit Card(const Device& device_)
        : device(device_)
        , copies(c10::impl::VirtualGuardImpl(at::kCUDA).getStreamFromGlobalPool(torch_device(device))) {}

    [[nodiscard]] c10::Stream computing() const {
        return c10::impl::VirtualGuardImpl(at::kCUDA).getStream(torch_device(device));
    }

    Device device;
    c10::Stream copies;
    std::future<void> next;
};

WorkAhead::WorkAhead(const Device& device)
    : card_(device.is_cuda() ? std::make_unique<Card>(device) : nullptr) {}

WorkAhead::~WorkAhead() { abandon(); }

void WorkAhead::start(std::function<void()> work) {
    if (!card_) {
        work_ = std::move(work);
        return;
    }
    c10::Event queued(at::kCUDA);
    queued.record(card_->computing());
    queued.block(card_->copies); // memory of blocks given up is taken again by these copies
    card_->next = std::async(std::launch::async, [card = card_.get(), work = std::move(work)] {
        const TorchScope scope(card->device);
        const c10::StreamGuard stream(card->copies);
        work();
    });
}

void WorkAhead::finish() {
    if (!card_) return std::exchange(work_, nullptr)();
    card_->next.get();
    c10::Event copied(at::kCUDA);
    copied.record(card_->copies);
    copied.block(card_->computing());
}

void WorkAhead::abandon() {
    work_ = nullptr;
    if (card_ && card_->next.valid()) card_->next.wait();
    if (card_) card_->next = {};
}

} // namespace graticule
