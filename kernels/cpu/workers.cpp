#include "kernels/cpu/workers.h"

#include <condition_variable>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>

namespace graticule::cpu {
namespace {

class Workers {
public:
    void together(int helpers, const std::function<void()>& work) {
        Call call{work, helpers};
        {
            const std::lock_guard lock(mutex_);
            start(helpers);
            calls_.push_back(&call);
        }
        for (int i = 0; i < helpers; ++i) wake_.notify_one();
        work();
        // From here on nobody begins. Who has begun waits for nobody who waits for this thread: a worker is in one call,
        // and in those that this one makes.
        std::unique_lock lock(mutex_);
        calls_.remove(&call);
        left_.wait(lock, [&] { return call.inside == 0; });
    }

private:
    struct Call {
        const std::function<void()>& work;
        int wanted;     ///< who may still begin
        int inside = 0; ///< workers that began and are not done
    };

    void start(int count) {
        for (; started_ < count; ++started_) {
            try {
                std::thread([this] { serve(); }).detach();
            } catch (const std::system_error&) {
                return; // no more threads: those that are there will do
            }
        }
    }

    [[noreturn]] void serve() {
        std::unique_lock lock(mutex_);
        for (;;) {
            wake_.wait(lock, [&] { return !calls_.empty(); });
            Call& call = *calls_.front();
            if (--call.wanted == 0) calls_.pop_front();
            ++call.inside;
            lock.unlock();
            call.work();
            lock.lock();
            if (--call.inside == 0) left_.notify_all();
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_; ///< there is a call
    std::condition_variable left_; ///< the last worker left one
    std::list<Call*> calls_;       ///< that want more workers, the oldest first
    int started_ = 0;
};

} // namespace

void work_together(int helpers, const std::function<void()>& work) {
    static Workers& workers = *new Workers; // never destroyed: a thread may work for it while the program ends
    workers.together(helpers, work);
}

} // namespace graticule::cpu
