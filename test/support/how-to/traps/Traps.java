package shop;

import jakarta.persistence.EntityManager;
import java.sql.SQLException;
import org.springframework.boot.SpringApplication;
import org.springframework.context.annotation.Profile;
import org.springframework.core.NestedExceptionUtils;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Component;
import org.springframework.transaction.event.TransactionalEventListener;
import org.springframework.transaction.support.TransactionTemplate;

/** What docs/how-to/spring.md warns of: an event persisted after the commit is never written, and SQL without a transaction is refused on request. */
@Component
@Profile("traps")
class Traps {
    record Placed(int id) {}

    private final EntityManager entities;
    private static boolean heard;

    Traps(EntityManager entities) {
        this.entities = entities;
    }

    @TransactionalEventListener
    void late(Placed placed) {
        entities.persist(new Event("orders", placed.id, "order.late", placed));
        heard = true;
    }

    public static void main(String[] arguments) {
        try (var shop = SpringApplication.run(Shop.class, "--spring.profiles.active=traps")) {
            shop.getBean(TransactionTemplate.class).executeWithoutResult(status -> shop.publishEvent(new Placed(1)));
            if (!heard) throw new IllegalStateException("the listener has heard nothing");
            var sql = shop.getBean(JdbcClient.class);
            sql.sql("SET outbox.require_transaction = error").update(); // of the pool's only connection
            try {
                sql.sql("SELECT outbox.emit('orders', 1, '{}')").query().singleValue();
            } catch (DataAccessException refused) {
                if (NestedExceptionUtils.getRootCause(refused) instanceof SQLException cause && "25P01".equals(cause.getSQLState())) return;
                throw refused;
            }
            throw new IllegalStateException("an event without a transaction is not refused");
        }
    }
}
