// Registers Qt Test classes with the one main of a test program: put GRATICULE_TEST(ClassName) after the class.
#pragma once

#include <QObject>
#include <functional>
#include <memory>
#include <vector>

namespace graticule::testing {

using Factory = std::function<std::unique_ptr<QObject>()>;
std::vector<Factory>& test_classes();

struct Registration {
    explicit Registration(Factory factory) { test_classes().push_back(std::move(factory)); }
};

} // namespace graticule::testing

#define GRATICULE_TEST(Class)                                                                                          \
    static const ::graticule::testing::Registration registration_of_##Class {                                          \
        [] { return std::unique_ptr<QObject>(std::make_unique<Class>()); }                                             \
    }
