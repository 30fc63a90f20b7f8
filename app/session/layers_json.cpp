#include "app/session/layers_json.h"

#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "app/session/kept_reports.h"
#include "core/base/error.h"
#include "core/engine/record.h"

namespace graticule {

using nlohmann::json;

namespace {

constexpr int layout = 1; // a change of what a record holds makes another
constexpr std::size_t counts_before_codes = 9;

/// JSON has no infinity, which an SQNR without error is.
json number(double value) {
    if (std::isfinite(value)) return value;
    return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

double read_double(const json& value) {
    if (value.is_number()) return value.get<double>();
    const auto text = value.get<std::string>();
    if (text == "nan") return std::nan("");
    if (text != "inf" && text != "-inf") throw Error(ErrorKind::bad_input, "\"" + text + "\" is no number");
    return text == "inf" ? HUGE_VAL : -HUGE_VAL;
}

class Writer {
public:
    explicit Writer(json& array)
        : array_(array) {}
    template <class... Values>
    void operator()(const Values&... values) {
        (array_.push_back(made(values)), ...);
    }

private:
    template <class T>
    static json made(const T& value) {
        if constexpr (std::is_floating_point_v<T>) {
            return number(value);
        } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
            return value;
        } else if constexpr (std::is_enum_v<T>) {
            return static_cast<std::underlying_type_t<T>>(value);
        } else {
            json array = json::array();
            Writer write(array);
            members(write, value);
            if constexpr (std::is_same_v<T, QuantizeCounts>) // formats of few codes use few of them
                while (array.size() > counts_before_codes && array.back() == 0) array.erase(array.size() - 1);
            return array;
        }
    }
    template <class T>
    static json made(const std::optional<T>& value) {
        return value ? made(*value) : json();
    }
    json& array_;
};

class Reader {
public:
    explicit Reader(const json& array)
        : array_(array) {}
    template <class... Values>
    void operator()(Values&... values) {
        (get(array_.at(at_++), values), ...);
    }

private:
    template <class T>
    static void get(const json& value, T& to) {
        if constexpr (std::is_floating_point_v<T>) {
            to = read_double(value);
        } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
            value.get_to(to);
        } else if constexpr (std::is_enum_v<T>) {
            to = static_cast<T>(value.get<std::underlying_type_t<T>>());
        } else if constexpr (std::is_same_v<T, QuantizeCounts>) {
            json whole = value;
            while (whole.size() < counts_before_codes + std::size(to.codes_used)) whole.push_back(0);
            Reader read(whole);
            members(read, to);
        } else {
            Reader read(value);
            members(read, to);
        }
    }
    template <class T>
    static void get(const json& value, std::optional<T>& to) {
        to.reset();
        if (!value.is_null()) get(value, to.emplace());
    }
    const json& array_;
    std::size_t at_ = 0;
};

} // namespace

json reports_to_json(const std::vector<LayerReport>& reports) {
    json list = json::array();
    for (const LayerReport& report : reports) {
        json values = json::array();
        Writer write(values);
        members(write, report);
        list.push_back(std::move(values));
    }
    return list;
}

std::vector<LayerReport> reports_from_json(const json& value) {
    std::vector<LayerReport> reports;
    for (const json& values : value) {
        Reader read(values);
        members(read, reports.emplace_back());
    }
    return reports;
}

std::size_t write_layers_to(json& document, const std::vector<Run>& runs, std::size_t most_bytes) {
    json list = json::array();
    std::set<std::string> seen;
    std::size_t bytes = 0, left_out = 0;
    for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
        if (!run->reports || !run->evaluation) continue;
        const std::string key = reports_key(*run);
        if (!seen.insert(key).second) continue;
        json reports = reports_to_json(*run->reports);
        bytes += reports.dump().size();
        if (bytes > most_bytes)
            ++left_out;
        else
            list.push_back({{"of", key}, {"reports", std::move(reports)}});
    }
    if (!list.empty()) document["layers"] = {{"layout", layout}, {"runs", std::move(list)}};
    return left_out;
}

void read_layers_of(const json& document, std::vector<Run>& runs) {
    const auto layers = document.find("layers");
    if (layers == document.end() || layers->at("layout") != layout) return; // they are measured again
    std::map<std::string, std::shared_ptr<const std::vector<LayerReport>>> by_key;
    for (const json& one : layers->at("runs"))
        by_key[one.at("of").get<std::string>()] =
            std::make_shared<const std::vector<LayerReport>>(reports_from_json(one.at("reports")));
    for (Run& run : runs)
        if (const auto found = run.evaluation && !run.full_precision ? by_key.find(reports_key(run)) : by_key.end();
            found != by_key.end())
            run.reports = found->second;
}

} // namespace graticule
