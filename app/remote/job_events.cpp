#include "app/remote/job_events.h"

#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <nlohmann/json.hpp>

#include "app/remote/line_reader.h"
#include "app/remote/messages.h"
#include "core/base/cut_short.h"
#include "core/report/json_results.h"
#include "core/report/read_results.h"

namespace graticule {

using nlohmann::json;

JobEvents::JobEvents(const std::filesystem::path& file, std::string job, std::int64_t run)
    : path_(file)
    , job_(std::move(job))
    , run_(run)
    , file_(::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)) {
    if (!file_.is_open()) throw Error(ErrorKind::bad_input, path_.string() + ": " + std::strerror(errno));
}

void JobEvents::write(json event) {
    const std::lock_guard lock(mutex_);
    event["job"] = job_;
    event["run"] = run_;
    event["n"] = next_++;
    const std::string line = line_of(event) + '\n';
    if (failure_ == 0) failure_ = write_next(file_, std::as_bytes(std::span(line.data(), line.size())));
    if (failure_ != 0)
        throw Error(ErrorKind::bad_input, path_.string() + ": writing: " + std::strerror(failure_) +
                                              "; make room there, or give the worker another folder with --jobs");
}

void JobEvents::tell(const Evaluation& so_far, bool whole) {
    const std::size_t windows = so_far.window_losses.size();
    const bool one_more = !whole && told_ > 0 && windows == told_ + 1;
    told_ = windows;
    if (one_more)
        write({{"event", "window"}, {"loss", so_far.window_losses.back()}, {"seconds", so_far.seconds}});
    else
        write({{"event", "evaluation"}, {"evaluation", to_json(so_far, Timing::include)}});
}

RemoteSize size_of(const QuantizedModel& quantized) {
    const ModelSize size = quantized.size();
    return {size.bits_per_weight, quantized.bytes_before(), size.bytes};
}

json to_json(const RemoteSize& size) {
    return {{"bits_per_weight", size.bits_per_weight.actual},
            {"ideal_bits_per_weight", size.bits_per_weight.ideal},
            {"bytes_before", size.bytes_before},
            {"bytes_after", size.bytes_after}};
}

void JobNews::begin(std::string job, std::int64_t run) {
    *this = JobNews();
    job_ = std::move(job);
    run_ = run;
}

void JobNews::take(const json& event) {
    const std::string where = "the job's line " + std::to_string(next_);
    const std::string kind = text_member(event, "event", where);
    if (text_member(event, "job", where) != job_ || number_member(event, "run", 1, INT64_MAX, where) != run_ ||
        number_member(event, "n", 0, INT64_MAX, where) != next_)
        throw Error(ErrorKind::bad_input, where + " comes out of its turn: " + cut_short(event));
    ++next_;
    try {
        if (kind == "evaluation" || kind == "done") {
            evaluation_ = read_evaluation(member(event, "evaluation", where));
            evaluation_->complete = kind == "done";
        }
        if (kind == "window") add_window(event);
        if (kind == "done") {
            end_ = End::done;
            if (const json& size = member(event, "size", where); !size.is_null())
                size_ = RemoteSize{
                    {size.at("bits_per_weight").get<double>(), size.at("ideal_bits_per_weight").get<double>()},
                    size.at("bytes_before").get<std::int64_t>(),
                    size.at("bytes_after").get<std::int64_t>()};
        }
        if (kind == "failed") error_ = read_error(member(event, "error", where));
    } catch (const json::exception& problem) {
        throw Error(ErrorKind::bad_input, where + " is no \"" + kind + "\": " + problem.what());
    }
    if (kind == "failed") end_ = End::failed;
    if (kind == "cancelled") end_ = End::cancelled;
}

void JobNews::add_window(const json& event) {
    if (!evaluation_) throw Error(ErrorKind::bad_input, "a window came before the evaluation that it is of");
    evaluation_->window_losses.push_back(read_number(event.at("loss")));
    event.at("seconds").get_to(evaluation_->seconds);
    summarize(*evaluation_);
}

JobNews read_events(const std::filesystem::path& file, const std::string& job, std::int64_t run) {
    JobNews news;
    news.begin(job, run);
    const Descriptor events(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!events.is_open()) return news;
    LineReader lines(events.get(), answer_limits.bytes, file.string());
    try {
        while (const auto line = lines.next(std::chrono::milliseconds(0)))
            news.take(parse_json(*line, file.string(), answer_limits));
    } catch (const Error&) { // what was said before holds
    }
    return news;
}

} // namespace graticule
