// What-ifs beside the engine: one small thread of its own, so that a change of the recipe shows at once while a long
// job runs. The session says what it wants, most urgent first; what it wanted before and was not begun is dropped.
#pragma once

#include <QtCore/QObject>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <tuple>
#include <vector>

#include "core/engine/engine.h"

namespace graticule {

class WhatIfService final : public QObject {
    Q_OBJECT
public:
    /// What an answer has looked at, each including the one before. Where all would take long they come one after the
    /// other.
    enum class Look : std::uint8_t {
        weight,    ///< and at no input
        some_rows, ///< first_rows of the kept inputs
        all_rows,
    };
    struct Request {
        LayerId layer{};
        SchemeChoice choice;
        bool full = false; ///< with weights and channels for the plots; else the report alone is kept
        /// Another answer than that on all rows, with a report alone; waits for all rows however long they take.
        ScoredOn scored_on = ScoredOn::all_seen;
        Look look = Look::all_rows; ///< set by the service
    };

    /// `long_product`: multiplications of one product from which all rows take long, on a CPU.
    explicit WhatIfService(QObject* parent = nullptr, std::int64_t long_product = std::int64_t{1} << 30);
    ~WhatIfService() override;

    /// Input rows of an early answer; the answer from all of them follows when nothing else is wanted.
    static constexpr std::int64_t first_rows = 32;

    /// Where to compute; a card that has no memory to spare leaves it to the CPU.
    void setDevice(const std::string& device);
    /// What to compute from; forgets all answers. Either may be null: then none is computed.
    void setSource(std::shared_ptr<const Model> model, std::shared_ptr<const ActivationStats> stats);
    /// Replaces what is wanted; what is known already is not computed again.
    void want(std::vector<Request> requests);

    /// Counts the weights of a layer, before everything else that is wanted; `ready` tells when they are there.
    void wantWeights(LayerId layer);
    [[nodiscard]] std::shared_ptr<const StepHistogram> weights(LayerId layer) const; ///< null: not counted yet
    /// Why they could not be counted, in words; empty: they were, or will be.
    [[nodiscard]] QString weightsProblem(LayerId layer) const;

    /// Null: not known yet. A full result answers a request for a report as well.
    [[nodiscard]] std::shared_ptr<const WhatIf> find(LayerId layer, const SchemeChoice& choice, bool full,
                                                     ScoredOn scored_on = ScoredOn::all_seen) const;
    /// Why the last attempt for this layer and choice failed; empty: it did not.
    [[nodiscard]] QString problem(LayerId layer, const SchemeChoice& choice) const;
    /// While one lives nothing new is begun: for what is timed. From any thread; not beyond the service.
    class Quiet {
    public:
        explicit Quiet(WhatIfService& service);
        ~Quiet();
        Quiet(const Quiet&) = delete;
        Quiet& operator=(const Quiet&) = delete;

    private:
        WhatIfService& service_;
    };

    /// Nothing is wanted and every answer has been delivered.
    [[nodiscard]] bool idle() const;

Q_SIGNALS:
    void ready(graticule::LayerId layer);
    /// A file of the model was cut short or cannot be read any more, once a model: nothing more can be had from it.
    void damaged(const QString& why);

private:
    using Key = std::tuple<LayerId, std::string, ScoredOn>;
    struct Known {
        std::shared_ptr<const WhatIf> result;
        bool full = false;
        Look look = Look::weight;
        QString problem;
        mutable std::uint64_t used = 0; ///< for dropping the oldest full results
    };
    [[nodiscard]] static Key key(LayerId layer, const SchemeChoice& choice, ScoredOn scored_on) {
        return {layer, to_line(choice), scored_on};
    }
    [[nodiscard]] bool takesLong(const Request& request) const;
    void loop(std::stop_token stop);
    void keep(const Request& request, std::shared_ptr<const WhatIf> result, const QString& problem, int generation);
    void thinOut();
    void tellDamage(); ///< if there is any
    void countWeights(const std::shared_ptr<const Model>& model, LayerId layer);

    const std::int64_t long_product_;
    std::map<Key, Known> known_; // GUI thread only, as the next
    struct Counted {
        std::shared_ptr<const StepHistogram> histogram; ///< null: there is a problem
        QString problem;
    };
    std::map<LayerId, Counted> weights_;
    bool damage_told_ = false; ///< of the model
    mutable std::uint64_t clock_ = 0;

    mutable std::mutex mutex_; // guards what follows
    std::condition_variable_any wake_;
    std::shared_ptr<const Model> model_;
    std::shared_ptr<const ActivationStats> stats_;
    std::string device_ = "cpu";
    std::vector<Request> wanted_; // most urgent last
    std::optional<LayerId> wanted_weights_;
    int under_way_ = 0; // begun, and not delivered to the GUI thread
    int generation_ = 0;
    int quiet_ = 0;
    std::jthread thread_; // last
};

} // namespace graticule
