#include "core/recipe/scheme_allocation.h"

#include <interfaces/highs_c_api.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "core/base/cancel_point.h"
#include "core/base/error.h"
#include "core/base/job_context.h"

namespace graticule {

namespace {

/// The program of 0/1 variables, one an option, row by row: first the limits, then "exactly one" of each group.
struct Program {
    std::vector<double> cost, lower, upper, row_lower, row_upper, values;
    std::vector<HighsInt> starts, columns, integrality;
};

/// Costs, sizes and times in parts of what they are at most, so that the solver's absolute tolerances are small beside
/// them.
Program program_of(const std::vector<SchemeOptions>& groups, const AllocationLimits& limits, double slack) {
    double most = 0;
    for (const SchemeOptions& options : groups)
        for (const SchemeOption& option : options) most = std::max(most, option.cost);
    Program program;
    for (const SchemeOptions& options : groups)
        for (const SchemeOption& option : options) program.cost.push_back(most > 0 ? 1000 * option.cost / most : 0);
    const auto limit = [&](double SchemeOption::*what, double budget) {
        program.starts.push_back(HighsInt(program.columns.size()));
        HighsInt column = 0;
        for (const SchemeOptions& options : groups)
            for (const SchemeOption& option : options) {
                program.columns.push_back(column++);
                program.values.push_back(budget > 0 ? option.*what / budget : option.*what);
            }
        program.row_lower.push_back(-HUGE_VAL);
        program.row_upper.push_back(budget > 0 ? 1 - slack : 0);
    };
    limit(&SchemeOption::size, limits.size);
    if (limits.time) limit(&SchemeOption::time, *limits.time);
    HighsInt column = 0;
    for (const SchemeOptions& options : groups) {
        program.starts.push_back(HighsInt(program.columns.size()));
        for (std::size_t i = 0; i < options.size(); ++i) {
            program.columns.push_back(column++);
            program.values.push_back(1);
        }
        program.row_lower.push_back(1);
        program.row_upper.push_back(1);
    }
    program.lower.assign(program.cost.size(), 0);
    program.upper.assign(program.cost.size(), 1);
    program.integrality.assign(program.cost.size(), kHighsVarTypeInteger);
    return program;
}

/// The solver asks now and then; an exception must not go through it.
void stop_when_cancelled(int, const char*, const HighsCallbackDataOut*, HighsCallbackDataIn* answer, void* job) {
    try {
        if (job != nullptr) static_cast<const JobContext*>(job)->check_cancelled();
    } catch (...) {
        answer->user_interrupt = 1;
    }
}

std::vector<double> solve(const Program& program) {
    const std::unique_ptr<void, decltype(&Highs_destroy)> highs(Highs_create(), &Highs_destroy);
    const auto check = [](HighsInt status, const char* step) {
        if (status == kHighsStatusError)
            throw Error(ErrorKind::internal, std::string("the solver HiGHS failed at ") + step);
    };
    check(Highs_setBoolOptionValue(highs.get(), "output_flag", 0), "an option");
    check(Highs_setIntOptionValue(highs.get(), "threads", 1), "an option");
    check(Highs_setDoubleOptionValue(highs.get(), "mip_rel_gap", 1e-6), "an option");
    check(Highs_setDoubleOptionValue(highs.get(), "time_limit", 120), "an option");
    check(Highs_passMip(highs.get(), HighsInt(program.cost.size()), HighsInt(program.row_lower.size()),
                        HighsInt(program.values.size()), kHighsMatrixFormatRowwise, kHighsObjSenseMinimize, 0,
                        program.cost.data(), program.lower.data(), program.upper.data(), program.row_lower.data(),
                        program.row_upper.data(), program.starts.data(), program.columns.data(), program.values.data(),
                        program.integrality.data()),
          "taking the program");
    check(Highs_setCallback(highs.get(), stop_when_cancelled, const_cast<JobContext*>(current_job())), "a callback");
    check(Highs_startCallback(highs.get(), kHighsCallbackMipInterrupt), "a callback");
    check(Highs_run(highs.get()), "solving");
    cancel_point();
    HighsInt feasible = 0;
    check(Highs_getIntInfoValue(highs.get(), "primal_solution_status", &feasible), "telling its result");
    if (feasible != kHighsSolutionStatusFeasible) return {};
    std::vector<double> columns(program.cost.size()), duals(columns.size()), rows(program.row_lower.size()),
        row_duals(rows.size());
    check(Highs_getSolution(highs.get(), columns.data(), duals.data(), rows.data(), row_duals.data()),
          "giving its result");
    return columns;
}

std::vector<std::size_t> smallest_options(const std::vector<SchemeOptions>& groups) {
    std::vector<std::size_t> choice;
    for (const SchemeOptions& options : groups)
        choice.push_back(std::size_t(std::ranges::min_element(options, {}, &SchemeOption::size) - options.begin()));
    return choice;
}

} // namespace

SchemeOption sum_of(const std::vector<SchemeOptions>& groups, const std::vector<std::size_t>& choice) {
    SchemeOption sum;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        sum.cost += groups[i][choice[i]].cost;
        sum.size += groups[i][choice[i]].size;
        sum.time += groups[i][choice[i]].time;
    }
    return sum;
}

std::vector<std::size_t> fastest_choice(std::vector<SchemeOptions> groups, double size) {
    for (SchemeOptions& options : groups)
        for (SchemeOption& option : options) option.cost = option.time;
    return allocate_schemes(groups, {size, std::nullopt});
}

std::vector<std::size_t> allocate_schemes(const std::vector<SchemeOptions>& groups, const AllocationLimits& limits) {
    std::vector<std::size_t> tightest = smallest_options(groups);
    if (sum_of(groups, tightest).size > limits.size)
        throw Error(ErrorKind::bad_input, "the budget of " + std::to_string(limits.size) +
                                              " is below what the smallest candidates take, " +
                                              std::to_string(sum_of(groups, tightest).size));
    if (limits.time) {
        tightest = fastest_choice(groups, limits.size);
        if (const double least = sum_of(groups, tightest).time; least > *limits.time)
            throw Error(ErrorKind::bad_input, "the time of " + std::to_string(*limits.time) +
                                                  " is below the least there is in the size of " +
                                                  std::to_string(limits.size) + ", " + std::to_string(least));
    }
    const auto within = [&](const std::vector<std::size_t>& choice, double share) {
        const SchemeOption sum = sum_of(groups, choice);
        return sum.size <= limits.size * share && (!limits.time || sum.time <= *limits.time * share);
    };
    // The solver holds limits to a tolerance; ours are exact, so that it is asked again with a little less.
    for (const double slack : {0.0, 2e-6, 1e-5}) {
        const std::vector<double> columns = solve(program_of(groups, limits, slack));
        if (columns.empty()) break;
        std::vector<std::size_t> choice;
        std::size_t first = 0;
        for (const SchemeOptions& options : groups) {
            const auto begin = columns.begin() + std::ptrdiff_t(first);
            choice.push_back(std::size_t(std::max_element(begin, begin + std::ssize(options)) - begin));
            first += options.size();
        }
        if (within(choice, 1)) return choice;
    }
    if (!within(tightest, 1 - 1e-5)) return tightest; // too near to leave room for a tolerance
    throw Error(ErrorKind::internal, "the solver HiGHS found no choice in two minutes; take fewer candidates");
}

} // namespace graticule
