#include "core/runtime/block_loader.h"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

namespace graticule {

/// One thread for all that is done ahead: LibTorch keeps a team of workers for each thread that has used one.
struct WorkAhead::Card {
    explicit Card(const Device& device_)
        : device(device_)
        , copies(c10::impl::VirtualGuardImpl(at::kCUDA).getStreamFromGlobalPool(torch_device(device)))
        , thread([this](const std::stop_token& stop) { work_until(stop); }) {}

    std::future<void> queue(std::function<void()> work) {
        std::packaged_task<void()> task(std::move(work));
        std::future<void> done = task.get_future();
        {
            const std::lock_guard lock(mutex);
            waiting = std::move(task);
        }
        changed.notify_one();
        return done;
    }

    [[nodiscard]] c10::Stream computing() const { return current_torch_stream(device); }

    Device device;
    c10::Stream copies;
    std::future<void> next;

private:
    void work_until(const std::stop_token& stop) {
        for (;;) {
            std::packaged_task<void()> task;
            {
                std::unique_lock lock(mutex);
                if (!changed.wait(lock, stop, [this] { return waiting.valid(); })) return;
                task = std::exchange(waiting, {});
            }
            task();
        }
    }

    std::mutex mutex; ///< guards `waiting`
    std::condition_variable_any changed;
    std::packaged_task<void()> waiting; ///< at most one
    std::jthread thread;                ///< last: it uses all of the above
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
    card_->next = card_->queue([card = card_.get(), work = std::move(work)] {
        start_workers();
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
