// The header in C++: handles with owners, strings with lengths, exceptions that stay on their side.
// Run with a bundle's folder, a library's folder and a photo.
#include <crane.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

void expect(std::int32_t status) {
    if (status == CRANE_OK) {
        return;
    }
    std::string message(crane_last_error_message(nullptr, 0) + 1, '\0');
    crane_last_error_message(message.data(), message.size());
    throw std::runtime_error(std::to_string(status) + ": " + message);
}

struct Free {
    void operator()(crane *handle) const { crane_free(handle); }
    void operator()(crane_text *handle) const { crane_text_free(handle); }
};
using Runtime = std::unique_ptr<crane, Free>;
using Text = std::unique_ptr<crane_text, Free>;

Runtime open(const char *models, const char *library) {
    crane_options options = CRANE_OPTIONS_INIT;
    options.models = models;
    options.library = library;
    crane *handle = nullptr;
    expect(crane_open(&options, &handle));
    return Runtime(handle);
}

struct Heard {
    std::string thought, answer;
    bool throws;
    std::exception_ptr thrown;
};

std::int32_t on_event(void *user_data, std::int32_t event, const char *text, size_t size) noexcept {
    auto *heard = static_cast<Heard *>(user_data);
    try {
        if (event == CRANE_EVENT_THINK) {
            heard->thought.append(text, size);
        } else if (event == CRANE_EVENT_ANSWER) {
            heard->answer.append(text, size);
        }
        if (heard->throws) {
            throw std::runtime_error("enough");
        }
        return 0;
    } catch (...) {
        heard->thrown = std::current_exception();
        return 1;
    }
}

void story(const char *models, const char *library, const char *photo) {
    std::ifstream file(photo, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    const Runtime runtime = open(models, library);

    crane_photo image = {reinterpret_cast<const std::uint8_t *>(bytes.data()), bytes.size()};
    crane_new_fact fact = CRANE_NEW_FACT_INIT;
    fact.statement = "This emblem belongs to Theaprairk.";
    fact.target = "Theaprairk";
    fact.images = &image;
    fact.image_count = 1;
    expect(crane_fact_add(runtime.get(), &fact, nullptr));

    crane_question question = CRANE_QUESTION_INIT;
    question.text = "Whose emblem is this?";
    question.image = image;
    Heard heard{};
    crane_text *handle = nullptr;
    expect(crane_ask(runtime.get(), &question, nullptr, on_event, &heard, &handle));
    const Text answer(handle);
    const std::string json(crane_text_data(answer.get()), crane_text_size(answer.get()));
    if (heard.answer != "Theaprairk" || heard.thought.empty() || json.find(heard.answer) == std::string::npos) {
        throw std::runtime_error("the correction was not used: " + json);
    }

    Heard throwing{};
    throwing.throws = true;
    if (crane_ask(runtime.get(), &question, nullptr, on_event, &throwing, nullptr) != CRANE_CANCELLED ||
        !throwing.thrown) {
        throw std::runtime_error("an exception in a callback cancels");
    }
}

} // namespace

int main(int argc, char **argv) {
    try {
        if (argc != 4) {
            throw std::runtime_error("three arguments");
        }
        story(argv[1], argv[2], argv[3]);
        std::cout << "the correction was used\n";
        return EXIT_SUCCESS;
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
        return EXIT_FAILURE;
    }
}
