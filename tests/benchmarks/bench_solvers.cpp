// How long the searches and GPTQ take on one layer, and each of them in its forms: tokens multiplied once (X^T X) or by
// every candidate, GPTQ's columns in one kernel or in Torch's operations.
//
//     bench_solvers [--device cpu|cuda] [--size N] [--tokens N,N,...] [--runs N] [--json FILE] [--markdown FILE]
//
// A layer of N x N (4096), inputs of 2048 to 16384 tokens, bell-shaped with eight channels twenty times as large, from
// a fixed seed. Every figure is the median of the timed runs (5) after an untimed one, forms in turn; what a form needs
// first (X^T X, the Hessian, the exact outputs) is inside its time. Memory is the most the run held beyond the layer
// and its inputs. Two forms of one search must reach the same loss, else the program says so and ends with 1.
#include <ATen/ATen.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/format/quant_format.h"
#include "core/method/solvers/dgq.h"
#include "core/method/solvers/dgq_published.h"
#include "core/method/solvers/fixed_sums.h"
#include "core/method/solvers/gptq.h"
#include "core/method/solvers/scale_search.h"
#include "tests/solvers/scale_statistics.h"

using namespace graticule;
using namespace graticule::solvers;

namespace {

constexpr std::int64_t group = 128;
constexpr double same_loss = 1e-3; // searches meet near ties; losses of two forms differ by float32 sums only

struct Options {
    std::string device = "cpu", json, markdown;
    std::int64_t size = 4096;
    std::vector<std::int64_t> tokens{2048, 4096, 8192, 16384};
    int runs = 5;
};

struct Result {
    std::string work, form;
    std::int64_t tokens = 0;
    double median_ms = 0, lowest_ms = 0, highest_ms = 0, peak_mib = 0, loss = 0;
};

/// One form of one piece of work; returns the loss it reached.
struct Form {
    std::string name;
    std::function<double()> run;
};

// ---- time and memory of either device

void synchronize(const Device& device) {
    if (device.is_cuda())
        c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA).synchronizeDevice(c10::DeviceIndex(device.index()));
}

double resident_mib(const char* field) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(field)) return std::stod(line.substr(line.find(':') + 1)) / 1024;
    return 0;
}

class PeakMemory {
public:
    explicit PeakMemory(const Device& device)
        : device_(device) {
        if (device_.is_cuda()) {
            c10::getDeviceAllocator(at::kCUDA)->resetPeakStats(index());
            start_ = allocated().current;
        } else {
            std::ofstream("/proc/self/clear_refs") << 5;
            start_mib_ = resident_mib("VmRSS");
        }
    }
    [[nodiscard]] double mib() const {
        if (device_.is_cuda()) return double(allocated().peak - start_) / 1048576;
        return std::max(0.0, resident_mib("VmHWM") - start_mib_);
    }

private:
    [[nodiscard]] c10::DeviceIndex index() const { return c10::DeviceIndex(device_.index()); }
    [[nodiscard]] c10::CachingAllocator::Stat allocated() const {
        return c10::getDeviceAllocator(at::kCUDA)->getDeviceStats(index()).allocated_bytes[0]; // 0: all pools together
    }
    const Device& device_;
    std::int64_t start_ = 0;
    double start_mib_ = 0;
};

double milliseconds(const Device& device, const std::function<double()>& work) {
    synchronize(device);
    const auto start = std::chrono::steady_clock::now();
    (void)work();
    synchronize(device);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// ---- the layer

struct Layer {
    const Device& device;
    at::Tensor weight, inputs;

    Layer(const Device& device_, std::int64_t size, std::int64_t tokens)
        : device(device_) {
        at::manual_seed(2023);
        weight = (at::randn({size, size}) / std::sqrt(double(size))).to(torch_device(device));
        inputs = at::randn({tokens, size});
        for (std::int64_t channel = 0; channel < 8; ++channel) inputs.select(1, channel * size / 8).mul_(20);
        inputs = inputs.to(torch_device(device));
    }
};

TensorScheme scheme(const char* format, bool symmetric, Granularity granularity) {
    return {find_format(format), symmetric, {{granularity}}};
}

std::vector<Form> dgq_forms(const Layer& layer) {
    const auto loss_of = [&layer](const DualGrain& found) { // of either form by the same measure
        const at::Tensor error = at::mm(layer.inputs, (found.dequantized - layer.weight).t());
        return error.square_().mean(at::kDouble).item<double>() * double(layer.weight.size(0));
    };
    return {{"X^T X once",
             [&layer, loss_of] {
                 const at::Tensor gram = mean_gram(layer.inputs);
                 return loss_of(dgq_phase2(layer.weight, gram, dgq_phase1(layer.weight, gram, group, {}), {}));
             }},
            {"direct", [&layer, loss_of] {
                 return loss_of(dgq_published(layer.weight, layer.inputs, group, {}, DgqArithmetic::float32));
             }}};
}

OutputLossSpec output_loss(const Layer& layer) {
    OutputLossSpec spec;
    spec.weights = {layer.weight};
    spec.quantizers = {weight_quantizer(scheme("int4", false, {Granularity::Kind::group, group}))};
    spec.inputs = layer.inputs;
    spec.gram = mean_gram(layer.inputs);
    return spec;
}

double search(const Layer& layer, const ScaleMethod& method, OutputLossSpec spec) {
    const ScaleStatistics statistics =
        testing::scale_statistics(method.formula, spec.inputs, spec.weights, spec.quantizers);
    const OutputLoss loss(std::move(spec), layer.device);
    return search_scale(method, statistics, [&](const at::Tensor& scale) { return loss.of(scale); }).loss;
}

std::vector<Form> awq_forms(const Layer& layer) {
    return {{"X^T X once", [&layer] { return search(layer, awq_method(), output_loss(layer)); }},
            {"direct", [&layer] {
                 OutputLossSpec spec = output_loss(layer);
                 spec.module = [](std::span<const at::Tensor> weights, const at::Tensor& x) {
                     return at::mm(x, weights[0].t());
                 };
                 return search(layer, awq_method(), std::move(spec));
             }}};
}

/// With quantized inputs X^T X changes with every candidate: two such products a candidate (of the rounded inputs, and
/// of these with the exact ones) cost more than the outputs themselves unless outputs outnumber inputs several times.
std::vector<Form> aqas_forms(const Layer& layer) {
    return {{"direct", [&layer] {
                 OutputLossSpec spec = output_loss(layer);
                 spec.input = input_quantizer(scheme("int8", false, {Granularity::Kind::token, 0}));
                 return search(layer, aqas_method(), std::move(spec));
             }}};
}

std::vector<Form> gptq_forms(const Layer& layer) {
    const auto form = [&layer](GptqLoop loop) {
        return [&layer, loop] {
            at::Tensor gram = at::zeros({layer.inputs.size(1), layer.inputs.size(1)}, layer.inputs.options());
            add_gram(gram, layer.inputs);
            const at::Tensor hessian = hessian_of(gram, std::max<std::int64_t>(1, layer.inputs.size(0) / 2048));
            GptqOptions options;
            options.loop = loop;
            const TensorQuantizer quantizer =
                weight_quantizer(scheme("int4", false, {Granularity::Kind::group, group}));
            const GptqResult found = gptq(layer.weight, hessian, quantizer, options, layer.device);
            if (found.cholesky_failed) throw graticule::Error(ErrorKind::internal, found.failure);
            return found.loss;
        };
    };
    return {{"a kernel a block", form(GptqLoop::by_rows)}, {"Torch operations", form(GptqLoop::by_columns)}};
}

// ---- running and telling

/// False where two forms disagree.
bool measure(const Device& device, const std::string& work, std::int64_t tokens, const std::vector<Form>& forms,
             int runs, std::vector<Result>& results) {
    std::vector<std::vector<double>> times(forms.size());
    std::vector<Result> found;
    for (const Form& form : forms) { // untimed
        const PeakMemory memory(device);
        Result result{work, form.name, tokens, 0, 0, 0, 0, form.run()};
        synchronize(device);
        result.peak_mib = memory.mib();
        found.push_back(result);
    }
    for (int run = 0; run < runs; ++run)
        for (std::size_t i = 0; i < forms.size(); ++i) times[i].push_back(milliseconds(device, forms[i].run));
    bool agree = true;
    for (std::size_t i = 0; i < forms.size(); ++i) {
        std::sort(times[i].begin(), times[i].end());
        found[i].median_ms = times[i][times[i].size() / 2];
        found[i].lowest_ms = times[i].front();
        found[i].highest_ms = times[i].back();
        const double difference = std::fabs(found[i].loss / found[0].loss - 1);
        if (!(difference <= same_loss)) agree = false;
        std::fprintf(stderr, "%-24s %6lld tokens  %-18s %10.2f ms (%.2f..%.2f)  +%.0f MiB  loss %.9g (%.1e)\n",
                     work.c_str(), static_cast<long long>(tokens), forms[i].name.c_str(), found[i].median_ms,
                     found[i].lowest_ms, found[i].highest_ms, found[i].peak_mib, found[i].loss, difference);
    }
    results.insert(results.end(), found.begin(), found.end());
    return agree;
}

std::string markdown(const std::vector<Result>& results) {
    std::ostringstream out;
    out << "| work | tokens | form | median, ms | lowest..highest | memory, MiB | against the first form |\n"
           "|---|---|---|---|---|---|---|\n";
    const Result* first = nullptr;
    for (const Result& r : results) {
        if (first == nullptr || first->work != r.work || first->tokens != r.tokens) first = &r;
        char line[256];
        std::snprintf(line, sizeof line, "| %s | %lld | %s | %.2f | %.2f..%.2f | %.0f | %.2fx |\n", r.work.c_str(),
                      static_cast<long long>(r.tokens), r.form.c_str(), r.median_ms, r.lowest_ms, r.highest_ms,
                      r.peak_mib, r.median_ms / first->median_ms);
        out << line;
    }
    return out.str();
}

std::string json(const std::vector<Result>& results, const Device& device, const Options& options) {
    std::ostringstream out;
    out.precision(9);
    out << "{\n  \"device\": \"" << device.label() << "\",\n  \"torch\": \"" << torch_version()
        << "\",\n  \"size\": " << options.size << ",\n  \"group\": " << group << ",\n  \"runs\": " << options.runs
        << ",\n  \"results\": [\n";
    for (std::size_t i = 0; i < results.size(); ++i) {
        const Result& r = results[i];
        out << "    {\"work\": \"" << r.work << "\", \"form\": \"" << r.form << "\", \"tokens\": " << r.tokens
            << ", \"median_ms\": " << r.median_ms << ", \"lowest_ms\": " << r.lowest_ms
            << ", \"highest_ms\": " << r.highest_ms << ", \"peak_mib\": " << r.peak_mib << ", \"loss\": " << r.loss
            << '}' << (i + 1 < results.size() ? "," : "") << '\n';
    }
    out << "  ]\n}\n";
    return out.str();
}

void write(const std::string& path, const std::string& text) {
    if (path.empty()) return;
    std::ofstream file(path);
    file << text;
    if (!file) throw graticule::Error(ErrorKind::bad_input, "could not write " + path);
}

std::vector<std::int64_t> numbers(const std::string& text) {
    std::vector<std::int64_t> all;
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) all.push_back(std::stoll(part));
    return all;
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; i += 2) {
        const std::string name = argv[i];
        if (i + 1 == argc) throw graticule::Error(ErrorKind::usage, name + " needs a value");
        const std::string value = argv[i + 1];
        if (name == "--device")
            options.device = value;
        else if (name == "--size")
            options.size = std::stoll(value);
        else if (name == "--tokens")
            options.tokens = numbers(value);
        else if (name == "--runs")
            options.runs = std::max(1, std::stoi(value));
        else if (name == "--json")
            options.json = value;
        else if (name == "--markdown")
            options.markdown = value;
        else
            throw graticule::Error(ErrorKind::usage,
                                   "there is no option " + name +
                                       "; there are --device --size --tokens --runs --json --markdown");
    }
    if (options.size < group || options.size % group != 0)
        throw graticule::Error(ErrorKind::usage, "--size " + std::to_string(options.size) + " is not a multiple of " +
                                                     std::to_string(group));
    return options;
}

} // namespace

int main(int argc, char** argv) try {
    const Options options = parse(argc, argv);
    const Device device = open_device(options.device);
    const TorchScope scope(device);
    std::vector<Result> results;
    bool agree = true;
    for (const std::int64_t tokens : options.tokens) {
        const Layer layer(device, options.size, tokens);
        const auto run = [&](const char* work, const std::vector<Form>& forms) {
            agree = measure(device, work, tokens, forms, options.runs, results) && agree;
        };
        run("DGQ, two phases", dgq_forms(layer));
        run("AWQ, 20 ratios", awq_forms(layer));
        run("AQAS, 20 ratios and s=1", aqas_forms(layer));
        run("GPTQ, groups of 128", gptq_forms(layer));
    }
    const std::string table = markdown(results);
    std::fputs(table.c_str(), stdout);
    write(options.markdown, table);
    write(options.json, json(results, device, options));
    if (!agree) std::fprintf(stderr, "bench_solvers: two forms of one search reached different losses\n");
    return agree ? 0 : 1;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_solvers: %s\n", error.what());
    return 2;
}
