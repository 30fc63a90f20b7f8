#include "tests/fuzz/structured/json_mutator.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace graticule::fuzz {
namespace {

/// A place in the tree, not the root: its container and the index in it.
struct Place {
    Json* container = nullptr;
    std::size_t index = 0;
    [[nodiscard]] Json& value() const {
        auto at = container->begin();
        std::advance(at, static_cast<std::ptrdiff_t>(index));
        return *at;
    }
};

/// Down from the root, stopping more often the deeper it is.
Place pick(Json& root, Decisions& decide) {
    Place place{&root, 0};
    for (Json* at = &root; at->is_structured() && !at->empty(); at = &place.value()) {
        place = {at, decide.below(at->size())};
        if (!place.value().is_structured() || decide.one_in(4)) break;
    }
    return place;
}

Json fresh(Decisions& decide) {
    switch (decide.below(8)) {
    case 0:
        return nullptr;
    case 1:
        return decide.one_in(2);
    case 2:
        return decide.real();
    case 3:
        return decide.text();
    case 4:
        return Json::array();
    case 5:
        return Json::object();
    default:
        return decide.integer();
    }
}

void change(Json& value, Decisions& decide) {
    if (value.is_number_integer() && decide.one_in(2)) {
        const auto number = value.get<std::int64_t>();
        static constexpr std::int64_t steps[] = {1, -1, 2, 8, 16};
        value = static_cast<std::int64_t>(static_cast<std::uint64_t>(number) +
                                          static_cast<std::uint64_t>(steps[decide.below(5)]));
    } else if (value.is_string() && decide.one_in(2)) {
        std::string text = value.get<std::string>();
        if (!text.empty() && decide.one_in(2))
            text.erase(decide.below(text.size()), 1);
        else
            text.insert(decide.below(text.size() + 1), decide.text());
        value = text;
    } else if (value.is_boolean() && decide.one_in(2)) {
        value = !value.get<bool>();
    } else {
        value = fresh(decide);
    }
}

void rename_key(Json& object, std::size_t index, const std::string& key) {
    Json renamed = Json::object();
    std::size_t at = 0;
    for (const auto& [name, value] : object.items()) renamed[at++ == index ? key : name] = value;
    object = std::move(renamed);
}

} // namespace

void rotate_members(Json& object, std::size_t first) {
    std::vector<std::pair<std::string, Json>> all;
    for (const auto& [name, value] : object.items()) all.emplace_back(name, value);
    std::rotate(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(first), all.end());
    object = Json::object();
    for (auto& [name, value] : all) object[name] = std::move(value);
}

void mutate_mildly(Json& document, Decisions& decide) {
    if (!document.is_structured() || document.empty()) return;
    const Place place = pick(document, decide);
    if (Json& value = place.value(); value.is_number_float())
        value = value.get<double>() * (decide.one_in(2) ? 0.5 : 1.25);
    else if (value.is_boolean())
        value = !value.get<bool>();
    else if (place.container->is_object())
        rotate_members(*place.container, place.index);
    else
        std::swap(value, (*place.container)[decide.below(place.container->size())]);
}

void mutate(Json& document, Decisions& decide) {
    if (!document.is_structured() || document.empty()) return change(document, decide);
    const Place place = pick(document, decide);
    Json& container = *place.container;
    switch (decide.below(9)) {
    case 0: // gone
        if (container.is_array())
            container.erase(place.index);
        else
            container.erase(std::next(container.begin(), static_cast<std::ptrdiff_t>(place.index)));
        return;
    case 1: // order
        if (container.is_array()) {
            std::swap(container[place.index], container[decide.below(container.size())]);
        } else {
            rotate_members(container, place.index);
        }
        return;
    case 2: // once more
        if (container.is_array())
            container.push_back(Json(place.value()));
        else
            container[decide.text()] = Json(place.value());
        return;
    case 3: // another part of the document in its place
        place.value() = Json(pick(document, decide).value());
        return;
    case 4: // a key of another name
        if (container.is_object()) return rename_key(container, place.index, decide.text());
        return container.push_back(fresh(decide));
    case 5: // something nobody asked for
        if (container.is_object())
            container["unknown_" + std::to_string(decide.below(10))] = fresh(decide);
        else
            container.push_back(fresh(decide));
        return;
    default:
        return change(place.value(), decide);
    }
}

std::string written(const Json& document, Decisions& decide) {
    std::string text = document.dump(-1, ' ', false, Json::error_handler_t::ignore);
    if (!decide.one_in(24)) return text;
    switch (decide.below(4)) {
    case 0:
        if (const auto brace = text.find('{', decide.below(text.size() + 1)); brace != std::string::npos)
            text.insert(brace + 1, R"("twice":1,"twice":2,)");
        return text;
    case 1:
        text.resize(decide.below(text.size() + 1));
        return text;
    case 2:
        return std::string(decide.below(200), '[') + text;
    default:
        if (!text.empty()) text[decide.below(text.size())] = static_cast<char>(decide.below(256));
        return text;
    }
}

} // namespace graticule::fuzz
