// GoTypeFinder: gives each object of a heap its type. Used by heap_scan.cpp alone.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "runtime/go/heap_scan.h"

namespace whoholds {

class GoTypeFinder {
public:
    GoTypeFinder(const GoProcess& process, const GoHeapModel& model, const GoRoots& roots, GoTypes& types);
    Result<void> find(std::span<const GoTypedVariable> variables, const GoOn& go_on);
    GoHeapScan take();

private:
    // How much a finding is worth: a better one takes the place of a lesser one.
    enum class Worth : uint8_t { kNone, kBeginning, kStack, kText, kPair, kPointer, kHeader, kRuntime };

    // From the runtime's own notes.
    Result<void> find_headers(const GoOn& go_on);
    void find_goroutines();
    void find_processors();
    [[nodiscard]] bool are_processors(uint64_t array, uint64_t count);
    // From the program's code.
    void find_variables(std::span<const GoTypedVariable> variables);
    // Words that look like an interface, in globals, in objects that nothing else gave a type, on stacks.
    void find_pairs(std::span<const uint64_t> words, Worth worth);
    Result<void> find_pairs_in_objects(const GoOn& go_on);

    // Follows what is known, until nothing new comes.
    Result<void> spread(const GoOn& go_on);
    void open(GoObject object);
    void mark(GoObject object);
    Result<void> visit_listed(std::vector<GoObject> round, const GoOn& go_on);
    Result<void> visit_marked(const GoOn& go_on);
    bool visit_next(GoObject object, const GoOn& go_on);
    static Error too_late();
    void visit(GoObject object, Worth worth);
    void visit_values(std::span<const uint64_t> words, const GoType& type, uint64_t count, Worth worth);
    void visit_value(std::span<const uint64_t> words, uint64_t word, const GoType& type, Worth worth);
    void visit_spot(std::span<const uint64_t> words, uint64_t word, const GoPointerSpot& spot, Worth worth);
    void visit_map(std::span<const uint64_t> words, const GoType& map, Worth worth);
    void visit_map_directory(std::span<const uint64_t> words, const GoType& map, Worth worth);
    void visit_map_table(std::span<const uint64_t> words, const GoType& map, Worth worth);
    void visit_map_groups(std::span<const uint64_t> words, const GoType& map, Worth worth);
    void visit_channel(std::span<const uint64_t> words, Worth worth);

    // A variable that a typed pointer leads to.
    void found_variable(uint64_t address, const GoType& type);
    void found_pointer(uint64_t address, const GoType& target, Worth worth);
    void found_array(uint64_t address, uint64_t count, const GoType& element, GoObjectForm form, Worth worth);
    void found_text(uint64_t address, uint64_t length);
    void found_interface(uint64_t type_word, uint64_t data, Worth worth);
    void found_dynamic(const GoType& type, uint64_t data, Worth worth);
    void found_closure(uint64_t address, Worth worth);
    void found_map_part(uint64_t address, GoObjectForm form, const GoType& map, uint64_t bytes, Worth worth);
    void found_map_groups(uint64_t address, const GoType& map, uint64_t count, Worth worth);
    void found_channel(uint64_t address, const GoType& channel, Worth worth);
    [[nodiscard]] bool is_settled(GoObject object, const GoObjectKind& kind, Worth worth) const;
    void set(GoObject object, const GoObjectKind& kind, Worth worth);
    [[nodiscard]] uint64_t covered_bytes(GoObject object, const GoObjectKind& kind) const;

    // The object, if the address is where its value begins.
    [[nodiscard]] GoObject object_at(uint64_t address) const;
    [[nodiscard]] bool fits(GoObject object, uint64_t bytes, bool has_pointers) const;
    // What the first word of an interface means; nullptr: nothing.
    const GoType* dynamic_type(uint64_t word);
    const GoType* type_of_itab(uint64_t address);
    bool is_function(uint64_t address);
    uint32_t number_of(const GoObjectKind& kind);
    [[nodiscard]] std::string name_of(const GoObjectKind& kind) const;

    const GoProcess& process_;
    const GoHeapModel& model_;
    const GoRoots& roots_;
    GoTypes& types_;
    GoTypePlans plans_;
    GoHeapScan scan_;
    std::vector<Worth> worth_;    // by number of the object
    std::vector<GoObject> open_;  // to be visited, if !are_marked_
    std::vector<std::pair<uint64_t, const GoType*>> open_variables_;
    absl::flat_hash_set<std::pair<uint64_t, const GoType*>> variables_;
    std::vector<uint64_t> marks_;  // a bit for each object that is to be visited, if are_marked_
    std::vector<uint64_t> round_;  // what is visited now
    bool are_marked_ = false;
    size_t steps_ = 0;
    absl::flat_hash_map<GoObjectKind, uint32_t> kind_numbers_;
    uint32_t last_kind_ = UINT32_MAX;
    absl::flat_hash_map<uint64_t, const GoType*> itabs_;
    absl::flat_hash_map<uint64_t, bool> functions_;
    uint64_t image_start_ = 0;
    uint64_t image_end_ = 0;
    size_t itab_reads_left_ = 100'000;
};

}  // namespace whoholds
