// Who computes what in the GPU's products, and where a packed weight and sums of parts lie, without a GPU: the
// functions that the kernels are made of, walked through for cards of many sizes.
#include <QtTest/QTest>
#include <map>
#include <numeric>
#include <set>

#include "kernels/cuda/gemm/packed_weight.h"
#include "kernels/cuda/gemm/part_walk.h"
#include "tests/kernels/grids.h"
#include "tests/support/test_main.h"

using namespace graticule;
using namespace graticule::cuda;
using namespace graticule::testing;

namespace {

/// Multiprocessors: small and odd ones; A10 72, RTX 4080 76, GH200's slice 78, A100 108, H100 PCIe 114, RTX 4090 128,
/// H100 and H200 132, RTX 5090 170; and more thread blocks than that, as weight-only products have.
constexpr std::int64_t cards[] = {1, 2, 7, 46, 72, 76, 78, 108, 114, 128, 132, 170, 188, 256, 264, 340, 396};

/// What one thread block computes.
std::vector<Part> parts_of(const Schedule& schedule, std::int32_t block, std::int32_t grid) {
    BlockParts walk(schedule, block, grid);
    std::vector<Part> parts;
    for (Part part{}; walk.next(part);) parts.push_back(part);
    return parts;
}

bool is_whole(const Schedule& schedule, const Part& part) {
    return part.begin == 0 && part.end == schedule.input_blocks;
}

std::string described(const Schedule& s, std::int64_t processors, std::int64_t tile_tokens) {
    return std::to_string(s.channel_tiles) + " x " + std::to_string(s.token_tiles) + " tiles of " +
           std::to_string(tile_tokens) + " tokens, " + std::to_string(s.input_blocks) + " blocks of inputs, " +
           std::to_string(processors) + " thread blocks, " + std::to_string(s.split_tiles) + " tiles in " +
           std::to_string(s.split_blocks);
}

/// The first thing wrong with a schedule, or nothing.
std::string fault_of(const Schedule& s, std::int64_t processors, std::int64_t tile_tokens) {
    const int grid = thread_blocks(s, static_cast<int>(processors));
    if (grid < 1 || grid > processors) return "a grid of " + std::to_string(grid);
    if (s.split_blocks > grid) return "parts that nobody computes";
    if (s.split_tiles * std::int64_t{sizeof(std::int32_t)} > tickets_bytes) return "tickets past their room";
    // int32 holds units times thread blocks.
    if (std::int64_t{s.split_tiles} * s.input_blocks * (s.split_blocks + 1) > INT32_MAX) return "units beyond 32 bits";
    std::vector<int> done(static_cast<std::size_t>(s.tiles()) * static_cast<std::size_t>(s.input_blocks));
    std::vector<std::set<std::int32_t>> sharers(static_cast<std::size_t>(s.split_tiles));
    std::map<std::int32_t, std::pair<std::int32_t, std::int32_t>> places; // of tiles
    std::set<std::int64_t> sums;
    for (std::int32_t block = 0; block < grid; ++block) {
        const std::vector<Part> parts = parts_of(s, block, grid);
        if (parts.empty()) return "a thread block with nothing to do";
        int split = 0;
        bool begun = false; // a tile that others must finish
        for (const Part& part : parts) {
            if (part.begin >= part.end || part.end > s.input_blocks || part.begin < 0) return "an empty part";
            if (part.tile < 0 || part.tile >= s.tiles()) return "a tile that is not there";
            if (part.channel_tile < 0 || part.channel_tile >= s.channel_tiles || part.token_tile < 0 ||
                part.token_tile >= s.token_tiles)
                return "a place outside the product";
            const std::pair place(part.channel_tile, part.token_tile);
            if (!places.emplace(part.tile, place).second && places[part.tile] != place) return "a tile in two places";
            for (std::int32_t k = part.begin; k < part.end; ++k)
                ++done[static_cast<std::size_t>(part.tile) * static_cast<std::size_t>(s.input_blocks) +
                       static_cast<std::size_t>(k)];
            if (part.tile < s.split_tiles) {
                ++split;
                sharers[static_cast<std::size_t>(part.tile)].insert(block);
            } else if (!is_whole(s, part)) {
                return "a part of a tile that is not shared";
            }
            if (is_whole(s, part)) continue;
            // Who begins a tile waits for who goes on with it, and must have nothing to send any more.
            if (begun) return "a part behind the one that begins a tile";
            begun = part.begin == 0;
            if (!sums.insert(part_place(block, begun)).second) return "two parts whose sums lie in one place";
            if (static_cast<std::size_t>(part_place(block, begun) + 1) * 128 * static_cast<std::size_t>(tile_tokens) *
                        4 +
                    gemm_counter_bytes >
                parts_bytes(s, tile_tokens))
                return "sums past the end of the workspace";
        }
        if (split > 2) return "three parts of shared tiles";
        if (s.split_blocks > 0 && is_even_split(s) && block < s.split_blocks && split != 1)
            return "an even split with two parts of one thread block: they would wait for each other";
    }
    if (std::any_of(done.begin(), done.end(), [](int times) { return times != 1; })) return "a unit not computed once";
    std::set<std::pair<std::int32_t, std::int32_t>> all;
    for (const auto& [tile, place] : places) all.insert(place);
    if (all.size() != static_cast<std::size_t>(s.tiles())) return "two tiles in one place";
    for (std::int32_t tile = 0; tile < s.split_tiles; ++tile) {
        const std::set<std::int32_t>& blocks = sharers[static_cast<std::size_t>(tile)];
        const Contributors contributors(s, tile);
        if (*blocks.begin() != contributors.first || *blocks.rbegin() != contributors.last ||
            static_cast<std::int32_t>(blocks.size()) != contributors.last - contributors.first + 1)
            return "other thread blocks share tile " + std::to_string(tile) + " than are waited for";
    }
    return {};
}

/// Bytes of the packed weight of 7B.qkv, 12,288 x 4,096, as docs/results/integer_products_h200.json has them: 16 bytes
/// an output; half a byte or a byte a weight; two bytes a group, for `group` four more of its scale.
struct KnownWeight {
    const char* name;
    int levels; ///< 14: dINT4
    GemmGrain grain;
    std::int64_t group;
    std::size_t bytes;
};
constexpr KnownWeight known_weights[] = {
    {"int4 channel", 16, GemmGrain::channel, 0, 25362432},  {"int4 dual128", 16, GemmGrain::dual, 128, 26148864},
    {"int4 dual64", 16, GemmGrain::dual, 64, 26935296},     {"int4 group128", 16, GemmGrain::group, 128, 27721728},
    {"dint4 channel", 14, GemmGrain::channel, 0, 25362432}, {"dint4 dual128", 14, GemmGrain::dual, 128, 26148864},
    {"int8 channel", 256, GemmGrain::channel, 0, 50528256}};

CodeGrid grid_of(int levels) { return levels == 14 ? dint_grid(4) : levels == 16 ? int_grid(4) : int_grid(8); }

} // namespace

class TestSchedule : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void every_unit_is_computed_once();
    void shapes_of_models_are_shared();
    void weights_have_the_bytes_known_of_them();
    void parts_of_a_packed_weight_do_not_meet();
    void codes_have_places_of_their_own();
};

void TestSchedule::every_unit_is_computed_once() {
    int split = 0, even = 0, whole = 0;
    for (const std::int64_t processors : cards)
        for (const std::int64_t tile_tokens : {8, 16, 32, 64, 128, 256})
            for (const std::int64_t channel_tiles : {1, 2, 5, 7, 8, 9, 17, 32, 86, 133, 448})
                for (const std::int64_t token_tiles : {1, 2, 3, 8, 33})
                    for (const std::int64_t input_blocks : {1, 2, 5, 6, 7, 32, 86, 512}) {
                        // Few tokens have one tile of them; the rest keeps the test short.
                        if (tile_tokens < 64 && token_tiles > 1) continue;
                        if (channel_tiles * token_tiles * input_blocks > 6000) continue;
                        const Schedule s =
                            make_schedule(channel_tiles, token_tiles, input_blocks, processors, tile_tokens);
                        const std::string fault = fault_of(s, processors, tile_tokens);
                        QVERIFY2(fault.empty(), (described(s, processors, tile_tokens) + ": " + fault).c_str());
                        QVERIFY(estimated_clocks(s, processors, tile_tokens, 100) > 0);
                        ++(s.split_tiles == 0 ? whole : is_even_split(s) ? even : split);
                    }
    QVERIFY2(split > 100 && even > 100 && whole > 100,
             qPrintable(QString("%1 uneven, %2 even, %3 whole").arg(split).arg(even).arg(whole)));
}

/// 7B's down projection of one token, 4,096 x 11,008 on 132 multiprocessors: 32 tiles of 86 blocks in four parts each,
/// 128 thread blocks at work. A product that would leave most of the card idle is shared, one that fills it is not.
void TestSchedule::shapes_of_models_are_shared() {
    const Schedule down = make_schedule(32, 1, 86, 132, 8);
    QCOMPARE(down.split_tiles, 32);
    QCOMPARE(down.split_blocks, 128);
    QCOMPARE(Contributors(down, 1).first, 4);
    QCOMPARE(Contributors(down, 1).last, 7);
    const std::vector<Part> fifth = parts_of(down, 5, 132);
    QCOMPARE(fifth.size(), std::size_t{1});
    QCOMPARE(fifth[0].tile, 1);
    QCOMPARE(fifth[0].begin, 21); // 2,752 units x 5 / 128 = 107 = 86 + 21
    QCOMPARE(fifth[0].end, 43);
    QCOMPARE(make_schedule(132, 1, 86, 132, 128).split_blocks, 0);
    QCOMPARE(make_schedule(132, 2, 32, 114, 128).split_tiles, 264 - 2 * 114);
    QCOMPARE(make_schedule(1, 1, 2, 132, 8).split_blocks, 0); // no part would have three blocks of inputs
}

void TestSchedule::weights_have_the_bytes_known_of_them() {
    for (const KnownWeight& weight : known_weights) {
        const CodeGrid grid = grid_of(weight.levels);
        const GemmProblem problem{0, 12288, 4096, &grid, weight.grain, weight.group};
        QVERIFY2(PackedLayout(problem).bytes() == weight.bytes, weight.name);
    }
}

/// Records, blocks and scales of groups, one behind the other; blocks begin where 16 bytes may be copied at once.
void TestSchedule::parts_of_a_packed_weight_do_not_meet() {
    for (const KnownWeight& weight : known_weights)
        for (const std::int64_t outputs : {1, 64, 127, 128, 129, 4096})
            for (const std::int64_t inputs : {64, 128, 192, 1024, 65536}) {
                if (weight.group != 0 && inputs % weight.group != 0) continue;
                const CodeGrid grid = grid_of(weight.levels);
                const GemmProblem problem{0, outputs, inputs, &grid, weight.grain, weight.group};
                const PackedLayout layout(problem);
                const std::int64_t padded = (outputs + 127) / 128 * 128, blocks = (inputs + 127) / 128;
                QCOMPARE(layout.channel_tiles * tile_rows, padded);
                QCOMPARE(layout.input_blocks, blocks);
                QCOMPARE(layout.blocks_offset(), padded * 16);
                QCOMPARE(layout.blocks_offset() % 16, 0);
                QCOMPARE(layout.block_bytes % 128, 0);
                const std::int64_t groups_in_block = weight.group == 0 ? 1 : 128 / weight.group;
                const std::int64_t codes = weight.levels == 256 ? 8192 : 4096;
                QCOMPARE(layout.block_bytes - layout.constant_bytes, codes);
                QCOMPARE(layout.constant_bytes, weight.group == 0 ? 0 : 64 * 2 * groups_in_block);
                QCOMPARE(layout.group_scales_offset(), padded * 16 + padded / 64 * blocks * layout.block_bytes);
                QCOMPARE(
                    layout.bytes(),
                    std::size_t(layout.group_scales_offset()) +
                        (weight.grain == GemmGrain::group ? std::size_t(padded * blocks * groups_in_block) * 4 : 0));
            }
}

/// A word's eight codes: every weight of a block of 64 x 128 has a place, none two.
void TestSchedule::codes_have_places_of_their_own() {
    std::set<std::pair<int, int>> seen;
    for (int word = 0; word < block_words; ++word) {
        const WordPlace place = place_of_word(word);
        for (int i = 0; i < 4; ++i)
            for (const int input : {place.input + i, place.input + 16 + i}) {
                QVERIFY(place.row >= 0 && place.row < block_rows && input >= 0 && input < block_inputs);
                QVERIFY(seen.emplace(place.row, input).second);
            }
    }
    QCOMPARE(seen.size(), std::size_t(block_rows * block_inputs));
    // PTX ISA, m16n8k32: lane l holds of the first operand row l / 4 and k 4 (l mod 4) ... + 3 in its first register,
    // row l / 4 + 8 in its second, and k + 16 in the two behind. Thread 70 is lane 6 of the third warp.
    const WordPlace first = place_of_word(70 * 4), second = place_of_word(70 * 4 + 1);
    const WordPlace next_step = place_of_word(70 * 4 + 2), other_half = place_of_word((128 + 70) * 4);
    QCOMPARE(first.row, 32 + 1);
    QCOMPARE(first.input, 8);
    QCOMPARE(second.row, 32 + 9);
    QCOMPARE(second.input, 8);
    QCOMPARE(next_step.input, 32 + 8);
    QCOMPARE(other_half.input, 64 + 8);
}

GRATICULE_TEST(TestSchedule);
#include "tst_schedule.moc"
