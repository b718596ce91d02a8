#include "runtime/go/descriptor_objects.h"

#include <algorithm>
#include <optional>
#include <span>

namespace whoholds {
namespace {

constexpr uint64_t kMostDescriptors = uint64_t{1} << 30;  // the kernel's own limit (fs.nr_open) is lower
constexpr uint64_t kLeastBytes = 64;                      // of an object with a poll.FD in it
constexpr size_t kMaxObjects = 100'000;
constexpr size_t kMaxUnproved = 500'000;

// internal/poll.FD begins with its mutex (16 bytes), its number, and its pollDesc: behind the number until Go 1.20, with a word
// in between since 1.21 (fd_unix.go, fd_unixjs.go).
constexpr size_t kNumberWord = 2;
constexpr size_t kRecordWords[] = {3, 4};
// Behind the link to the next one (runtime/netpoll.go).
constexpr uint64_t kNumberInRecord = 8;

bool is_number(uint64_t word) { return word < kMostDescriptors; }

class Finder {
public:
    Finder(const GoProcess& process, const GoHeapModel& model, const GoHeapScan& scan, GoTypes& types)
        : process_(process), model_(model), scan_(scan) {
        for (const GoObjectKind& kind : scan.kinds()) words_.push_back(number_word(kind, types));
    }

    Result<std::vector<GoDescriptorObject>> find() {
        for (uint32_t i = 0; i < model_.spans().size(); ++i) {
            const GoModelSpan& span = model_.spans()[i];
            if (!span.has_pointers || span.element_bytes < kLeastBytes) continue;
            for (uint32_t element = 0; element < span.element_count; ++element)
                if (model_.is_allocated(span.first_number + element)) look_at({i, span.first_number + element});
        }
        WH_TRY_VOID(prove());
        std::ranges::sort(found_, {}, &GoDescriptorObject::address);
        return std::move(found_);
    }

private:
    struct Unproved {
        GoDescriptorObject object;
        uint64_t record = 0;
    };

    // Which word of such a value has the number.
    static std::optional<uint64_t> number_word(const GoObjectKind& kind, GoTypes& types) {
        const bool is_value = kind.form == GoObjectForm::kValue || kind.form == GoObjectForm::kBeginning;
        if (!is_value || !kind.type) return std::nullopt;
        if (is_poll_fd(*kind.type, types)) return kNumberWord;
        if (kind.type->kind != GoKind::kStruct) return std::nullopt;
        for (const GoField& field : kind.type->fields) {
            const GoType* type = types.at(field.type);
            if (type && field.offset % 8 == 0 && is_poll_fd(*type, types)) return field.offset / 8 + kNumberWord;
        }
        return std::nullopt;
    }

    static bool is_poll_fd(const GoType& type, const GoTypes& types) {
        return type.name == "poll.FD" && types.import_path(type) == "internal/poll" &&
               std::ranges::any_of(type.fields, [&](const GoField& field) {
                   return field.offset == kNumberWord * 8 && types.name_at(field.name) == "Sysfd";
               });
    }

    void look_at(GoObject object) {
        const uint32_t kind = scan_.kind_number(object.number);
        const auto words = model_.words(object);
        if (const auto word = words_[kind]) {
            if (*word < words.size() && is_number(words[*word]) && found_.size() < kMaxObjects)
                found_.push_back(object_of(object, words[*word], *word));
            return;
        }
        if (!scan_.name(kind).empty() || words.size() * 8 < kLeastBytes || !is_number(words[kNumberWord])) return;
        for (const size_t word : kRecordWords) {
            const uint64_t record = words[word];
            const bool may_be = record % 8 == 0 && record >> 47 == 0 && record > kMostDescriptors;
            if (!may_be || model_.find(record).exists() || unproved_.size() >= kMaxUnproved) continue;
            unproved_.push_back({object_of(object, words[kNumberWord], kNumberWord), record});
        }
    }

    [[nodiscard]] GoDescriptorObject object_of(GoObject object, uint64_t number, uint64_t word) const {
        return {static_cast<uint32_t>(number), object, model_.start(object) + word * 8};
    }

    Result<void> prove() {
        std::vector<uint64_t> numbers(unproved_.size());
        std::vector<ProcessMemory::Piece> pieces;
        for (size_t i = 0; i < unproved_.size(); ++i)
            pieces.push_back(
                {unproved_[i].record + kNumberInRecord, {reinterpret_cast<uint8_t*>(&numbers[i]), sizeof(uint64_t)}});
        WH_TRY_VOID(process_.memory().read_pieces(pieces));
        for (size_t i = 0; i < unproved_.size() && found_.size() < kMaxObjects; ++i)
            if (pieces[i].is_read && numbers[i] == unproved_[i].object.descriptor)
                found_.push_back(unproved_[i].object);
        return {};
    }

    const GoProcess& process_;
    const GoHeapModel& model_;
    const GoHeapScan& scan_;
    std::vector<std::optional<uint64_t>> words_;  // by kind
    std::vector<GoDescriptorObject> found_;
    std::vector<Unproved> unproved_;
};

}  // namespace

Result<std::vector<GoDescriptorObject>> find_go_descriptor_objects(const GoProcess& process, const GoHeapModel& model,
                                                                   const GoHeapScan& scan, GoTypes& types) {
    return Finder(process, model, scan, types).find();
}

}  // namespace whoholds
