#include "relay/kafka/cloud_event.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

void expect(HeaderFate fate, std::string_view name, std::string_view value = "x", std::string_view attribute = "") {
    NamedFate found = fate_of_header(name, value);
    EXPECT_EQ(found.fate, fate) << name << "=" << value;
    if (fate == HeaderFate::attribute) {
        EXPECT_EQ(found.name, attribute.empty() ? name : attribute);
    }
}

TEST(CloudEvent, bytes_are_no_attribute) {
    EXPECT_EQ(fate_of_header("tenant", "7", true).fate, HeaderFate::plain);
    EXPECT_EQ(fate_of_header("ce_tenant", "7", true).fate, HeaderFate::left_out);
    EXPECT_EQ(fate_of_header("content-type", "text/plain", true).fate, HeaderFate::left_out);
}

TEST(CloudEvent, a_time_is_that_of_RFC_3339) {
    EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(rfc3339(1763890920123), "2025-11-23T09:42:00.123Z");
    EXPECT_EQ(rfc3339(951782399999), "2000-02-28T23:59:59.999Z");
    EXPECT_EQ(rfc3339(-1), "1969-12-31T23:59:59.999Z");
}

TEST(CloudEvent, a_header_becomes_an_attribute_where_its_name_can_be_one) {
    expect(HeaderFate::attribute, "tenant");
    expect(HeaderFate::attribute, "traceparent");
    expect(HeaderFate::attribute, "a1");
    expect(HeaderFate::attribute, "ce");
    expect(HeaderFate::attribute, "tenant", "");
    expect(HeaderFate::plain, "Tenant");
    expect(HeaderFate::plain, "tenant-id");
    expect(HeaderFate::plain, "tenänt");
    expect(HeaderFate::plain, "data");
    expect(HeaderFate::plain, "ce-tenant");
}

TEST(CloudEvent, a_name_that_has_the_prefix_already_is_the_same_attribute) {
    expect(HeaderFate::attribute, "ce_tenant", "x", "tenant");
    expect(HeaderFate::attribute, "CE_tenant", "x", "tenant");
}

TEST(CloudEvent, no_parser_is_given_an_attribute_that_it_would_refuse) {
    for (const char *name : {"ce_", "ce_Tenant", "ce_tenant-id", "CE_a_b", "ce_data"})
        expect(HeaderFate::left_out, name);
    expect(HeaderFate::left_out, "ce_tenant", "a\nb");
    expect(HeaderFate::plain, "tenant", "a\nb");
    expect(HeaderFate::plain, "tenant", "\x7f");
    expect(HeaderFate::plain, "tenant", "\xc2\x85");
    expect(HeaderFate::attribute, "tenant", "\xc2\xa0");
    expect(HeaderFate::attribute, "subject", "42");
    expect(HeaderFate::plain, "subject", "");
    expect(HeaderFate::left_out, "ce_dataschema", "");
}

TEST(CloudEvent, the_relays_own_attributes_are_not_the_events) {
    for (const char *name : {"source", "time", "specversion"})
        expect(HeaderFate::plain, name);
    for (const char *name : {"ce_id", "ce_type", "ce_source", "ce_time", "ce_specversion"})
        expect(HeaderFate::left_out, name);
}

TEST(CloudEvent, an_event_says_itself_what_its_payload_is_but_never_that_it_is_structured) {
    for (const char *name : {"content-type", "Content-Type", "datacontenttype", "ce_datacontenttype"})
        expect(HeaderFate::content_type, name, "application/xml");
    expect(HeaderFate::left_out, "content-type", "application/cloudevents+json");
    expect(HeaderFate::left_out, "content-type", "Application/CloudEvents; charset=utf-8");
    expect(HeaderFate::left_out, "content-type", "");
}

TEST(CloudEvent, a_trace_is_found_by_those_who_look_for_it_alone) {
    EXPECT_TRUE(is_trace_header("traceparent"));
    EXPECT_FALSE(is_trace_header("tenant"));
}

} // namespace
} // namespace outbox
