# What docs/how-to/rails.md warns of: an error of emit rolls the order back in after_create, and not in after_commit. insert_all! does not work.
class Early < ActiveRecord::Base
  self.table_name = "orders"
  after_create { OutboxEvent.create!(topic: "no such name", key: id, payload: {}) }
end

class Late < ActiveRecord::Base
  self.table_name = "orders"
  after_commit { OutboxEvent.create!(topic: "no such name", key: id, payload: {}) }
end

def orders_left_by(model)
  before = Order.count
  begin
    model.create!(item: "Teapot")
  rescue ActiveRecord::StatementInvalid
    return Order.count - before
  end
  raise "#{model} has met no error"
end

raise "after_create leaves an order without its event" unless orders_left_by(Early).zero?
raise "after_commit leaves no order: has it become safe?" unless orders_left_by(Late) == 1

begin
  OutboxEvent.insert_all!([{ topic: "orders", key: "1" }])
  raise "insert_all! works"
rescue ArgumentError => error
  raise unless error.message.include?("unique index")
end
