#include "app/window/task_words.h"

#include <QtCore/QObject>
#include <algorithm>

namespace graticule {

namespace {

QString tr(const char* text) { return QObject::tr(text); }

QString words_of(const std::string& text) { return QString::fromStdString(text).trimmed(); }

} // namespace

ItemWords item_words(const TaskStudy& study, std::size_t item, bool norm) {
    const TaskItem& asked = study.set->items.at(item);
    // Where choices differ in what stands before (WinoGrande), that is the choice and the rest is asked.
    const bool one_question = std::ranges::all_of(
        asked.choices, [&](const TaskChoice& choice) { return choice.context == asked.choices.front().context; });
    const auto choice_text = [&](std::size_t choice) {
        const TaskChoice& of = asked.choices.at(choice);
        return words_of(one_question ? of.continuation : of.context);
    };
    const auto chosen = [&](const AnsweredItem& answered) {
        if (!study.set->task->first_choice) return choice_text(answered.choice(norm));
        return answered.first_choice ? choice_text(0) : tr("something else");
    };
    return {QString::fromStdString(asked.place),
            words_of(one_question ? asked.choices.front().context : asked.choices.front().continuation),
            choice_text(asked.gold), chosen(study.sides[0].items.at(item)), chosen(study.sides[1].items.at(item))};
}

} // namespace graticule
