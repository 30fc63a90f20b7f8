// The reference vectors (shared/reference/golden_vectors.json): the two input matrices, made again from their rule, and
// the records.
#pragma once

#include <QtCore/QFile>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/support/shared_data.h"

namespace graticule::testing {

struct Golden {
    QJsonObject records;
    std::int64_t outputs = 0, inputs = 0, tokens = 0, group = 0;
    std::vector<float> weight;     ///< (outputs, inputs)
    std::vector<float> activation; ///< (tokens, inputs)
};

/// The rule written in the file's inputs.rule: a 31-bit linear congruential generator, 2049 values in [-1, 1].
inline std::vector<int> golden_integers(std::uint64_t seed, std::int64_t count) {
    std::vector<int> values;
    std::uint64_t state = seed;
    for (std::int64_t i = 0; i < count; ++i) {
        state = (1103515245ULL * state + 12345ULL) % (1ULL << 31);
        values.push_back(static_cast<int>((state >> 8) % 2049) - 1024);
    }
    return values;
}

inline Golden load_golden() {
    QFile file(QString::fromStdString((shared_dir() / "reference/golden_vectors.json").string()));
    if (!file.open(QIODevice::ReadOnly)) qFatal("cannot read the golden vectors");
    Golden golden;
    golden.records = QJsonDocument::fromJson(file.readAll()).object();
    const QJsonObject inputs = golden.records["inputs"].toObject();
    golden.outputs = inputs["O"].toInt();
    golden.inputs = inputs["I"].toInt();
    golden.tokens = inputs["T"].toInt();
    golden.group = inputs["group"].toInt();
    for (const int k : golden_integers(1, golden.outputs * golden.inputs))
        golden.weight.push_back(static_cast<float>(std::pow(k / 1024.0, 3)));
    for (const int k : golden_integers(2, golden.tokens * golden.inputs))
        golden.activation.push_back(static_cast<float>(k / 1024.0));
    for (std::int64_t token = 0; token < golden.tokens; ++token) {
        golden.activation[static_cast<std::size_t>(token * golden.inputs + 3)] *= 16;
        golden.activation[static_cast<std::size_t>(token * golden.inputs + 17)] *= 8;
    }
    return golden;
}

} // namespace graticule::testing
