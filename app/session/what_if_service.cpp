#include "app/session/what_if_service.h"

#include <QtCore/QMetaObject>
#include <algorithm>
#include <set>
#include <utility>

#include "core/method/method.h"
#include "core/runtime/torch_error.h"

namespace graticule {

namespace {
constexpr std::size_t kept_full = 12; // each holds every scale of a linear

std::shared_ptr<const WhatIf> slimmed(WhatIf result) {
    result.weight_in_steps = {};
    result.smoothing = {};
    result.input_absmax = {};
    result.params = {};
    return std::make_shared<const WhatIf>(std::move(result));
}
} // namespace

WhatIfService::WhatIfService(QObject* parent, std::int64_t long_product)
    : QObject(parent)
    , long_product_(long_product)
    , thread_([this](std::stop_token stop) { loop(stop); }) {}

WhatIfService::~WhatIfService() {
    thread_.request_stop();
    wake_.notify_all();
    thread_.join();
}

void WhatIfService::setDevice(const std::string& device) {
    const std::lock_guard lock(mutex_);
    device_ = device;
}

void WhatIfService::setSource(std::shared_ptr<const Model> model, std::shared_ptr<const ActivationStats> stats) {
    known_.clear();
    const std::lock_guard lock(mutex_);
    if (model != model_) {
        weights_.clear();
        damage_told_ = false;
        wanted_weights_.reset();
    }
    model_ = std::move(model);
    stats_ = std::move(stats);
    wanted_.clear();
    ++generation_;
}

void WhatIfService::want(std::vector<Request> requests) {
    std::set<Key> asked; // a full answer serves a later request for the report alone
    std::vector<Request> wanted, refinements;
    for (Request& request : requests) {
        const Key name = key(request.layer, request.choice, request.scored_on);
        if (!asked.insert(name).second) continue;
        const auto found = known_.find(name);
        const Known* known = found == known_.end() ? nullptr : &found->second;
        if (known != nullptr && !known->problem.isEmpty()) continue;
        const bool answered = known != nullptr && (known->full || !request.full);
        const auto add = [&](std::vector<Request>& to, Look look) {
            request.look = look;
            to.push_back(request);
        };
        if (!takesLong(request)) {
            if (!answered) add(wanted, Look::all_rows);
            continue;
        }
        if (known == nullptr) add(wanted, Look::weight);
        if (!answered || known->look < Look::some_rows) add(wanted, Look::some_rows);
        if (known == nullptr || known->look < Look::all_rows) add(refinements, Look::all_rows);
    }
    wanted.insert(wanted.end(), refinements.begin(), refinements.end());
    std::reverse(wanted.begin(), wanted.end());
    {
        const std::lock_guard lock(mutex_);
        wanted_ = std::move(wanted);
    }
    wake_.notify_all();
}

bool WhatIfService::takesLong(const Request& request) const {
    if (!model_ || !stats_ || device_ != "cpu") return false;
    if (request.scored_on == ScoredOn::held_out || uses_samples(request.choice)) // few rows would fit another weight
        return false;
    const Linear& linear = model_->linear(request.layer);
    const std::int64_t rows = stats_->sites.at(index_of(linear.site)).kept_rows.shape.at(0);
    return rows > first_rows && linear.out_features() * linear.in_features() * rows >= long_product_;
}

WhatIfService::Quiet::Quiet(WhatIfService& service)
    : service_(service) {
    const std::lock_guard lock(service_.mutex_);
    ++service_.quiet_;
}

WhatIfService::Quiet::~Quiet() {
    {
        const std::lock_guard lock(service_.mutex_);
        --service_.quiet_;
    }
    service_.wake_.notify_all();
}

void WhatIfService::wantWeights(LayerId layer) {
    if (weights_.contains(layer)) return;
    {
        const std::lock_guard lock(mutex_);
        wanted_weights_ = layer;
    }
    wake_.notify_all();
}

std::shared_ptr<const StepHistogram> WhatIfService::weights(LayerId layer) const {
    const auto found = weights_.find(layer);
    return found == weights_.end() ? nullptr : found->second.histogram;
}

QString WhatIfService::weightsProblem(LayerId layer) const {
    const auto found = weights_.find(layer);
    return found == weights_.end() ? QString() : found->second.problem;
}

std::shared_ptr<const WhatIf> WhatIfService::find(LayerId layer, const SchemeChoice& choice, bool full,
                                                  ScoredOn scored_on) const {
    const auto found = known_.find(key(layer, choice, scored_on));
    if (found == known_.end() || (full && !found->second.full)) return nullptr;
    found->second.used = ++clock_;
    return found->second.result;
}

QString WhatIfService::problem(LayerId layer, const SchemeChoice& choice) const {
    const auto found = known_.find(key(layer, choice, ScoredOn::all_seen));
    return found == known_.end() ? QString() : found->second.problem;
}

bool WhatIfService::idle() const {
    const std::lock_guard lock(mutex_);
    return wanted_.empty() && !wanted_weights_ && under_way_ == 0;
}

void WhatIfService::loop(std::stop_token stop) {
    std::unique_ptr<WhatIfs> answers;
    std::string answers_on; // its device, as it was asked for
    int answers_of = -1;    // the generation of its source
    while (true) {
        Request request;
        std::optional<LayerId> weights;
        std::shared_ptr<const Model> model;
        std::shared_ptr<const ActivationStats> stats;
        std::string device;
        int generation = 0;
        {
            std::unique_lock lock(mutex_);
            if (!wake_.wait(lock, stop, [this] { return quiet_ == 0 && (!wanted_.empty() || wanted_weights_); }))
                return;
            weights = std::exchange(wanted_weights_, std::nullopt);
            if (!weights) {
                request = std::move(wanted_.back());
                wanted_.pop_back();
            }
            model = model_;
            stats = stats_;
            device = device_;
            generation = generation_;
            if (!model || (!weights && !stats)) continue; // nothing to answer from
            ++under_way_;
        }
        if (weights) {
            countWeights(model, *weights);
            continue;
        }
        std::shared_ptr<const WhatIf> result;
        QString problem;
        // A what-if is a question, not a job: what cannot be answered is said in the card and is no failure of the
        // program.
        try {
            if (!answers || answers_of != generation || answers_on != device) {
                answers.reset(); // before the next takes memory
                answers = std::make_unique<WhatIfs>(model, stats, device);
                answers_on = device;
                answers_of = generation;
            }
            const auto ask = [&] {
                if (request.look == Look::weight) return answers->of_weight(request.layer, request.choice);
                return answers->of(request.layer, request.choice, request.look == Look::all_rows ? 0 : first_rows,
                                   request.scored_on);
            };
            WhatIf answer = [&] {
                try {
                    return ask();
                } catch (...) {
                    if (device == "cpu" || current_error().kind != ErrorKind::device) throw;
                    answers = std::make_unique<WhatIfs>(model, stats, "cpu");
                    return ask();
                }
            }();
            verify_mappings();
            result = request.full ? std::make_shared<const WhatIf>(std::move(answer)) : slimmed(std::move(answer));
        } catch (...) {
            problem = QString::fromStdString(current_error().message);
        }
        QMetaObject::invokeMethod(
            this, [this, request, result, problem, generation] { keep(request, result, problem, generation); },
            Qt::QueuedConnection);
    }
}

void WhatIfService::countWeights(const std::shared_ptr<const Model>& model, LayerId layer) {
    Counted counted;
    try {
        auto histogram = std::make_shared<const StepHistogram>(weight_histogram(*model, layer));
        verify_mappings(); // what was read of a file cut short are zeros
        counted.histogram = std::move(histogram);
    } catch (...) {
        counted.problem = QString::fromStdString(current_error().message);
    }
    QMetaObject::invokeMethod(
        this,
        [this, layer, counted, model] {
            {
                const std::lock_guard lock(mutex_);
                --under_way_;
                if (model != model_) return;
            }
            weights_[layer] = counted;
            if (!counted.problem.isEmpty()) tellDamage();
            Q_EMIT ready(layer);
        },
        Qt::QueuedConnection);
}

void WhatIfService::tellDamage() {
    if (damage_told_) return;
    try {
        verify_mappings();
    } catch (const Error& error) {
        damage_told_ = true;
        Q_EMIT damaged(QString::fromStdString(error.info().text()));
    }
}

void WhatIfService::keep(const Request& request, std::shared_ptr<const WhatIf> result, const QString& problem,
                         int generation) {
    {
        const std::lock_guard lock(mutex_);
        --under_way_;
        if (generation != generation_) return; // of another model or calibration
    }
    Known& known = known_[key(request.layer, request.choice, request.scored_on)];
    const bool both = known.result && result;
    if (both && known.look >= request.look && (known.full || !request.full)) return; // asked for before it came
    if (both && known.look > request.look) {                                         // only the plots were missing
        WhatIf with_plots = *result;
        with_plots.report = known.result->report;
        result = std::make_shared<const WhatIf>(std::move(with_plots));
    } else if (both && known.full && !request.full) { // the plots are there
        WhatIf with_report = *known.result;
        with_report.report = result->report;
        result = std::make_shared<const WhatIf>(std::move(with_report));
    }
    known = {std::move(result), request.full || (both && known.full), std::max(known.look, request.look), problem,
             ++clock_};
    thinOut();
    if (!problem.isEmpty()) tellDamage();
    Q_EMIT ready(request.layer);
}

void WhatIfService::thinOut() {
    std::vector<std::pair<std::uint64_t, Known*>> full;
    for (auto& [name, known] : known_)
        if (known.full && known.result) full.emplace_back(known.used, &known);
    if (full.size() <= kept_full) return;
    std::sort(full.begin(), full.end());
    for (std::size_t i = 0; i + kept_full < full.size(); ++i) {
        full[i].second->result = slimmed(*full[i].second->result);
        full[i].second->full = false;
    }
}

} // namespace graticule
